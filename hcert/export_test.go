package hcert

// What the tests of this package look at from outside.
var (
	Inflate      = inflate
	ToBeSigned   = toBeSigned
	DERSignature = derSignature
)
