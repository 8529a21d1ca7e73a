package hcert

// Inflate and ToBeSigned are what the tests of this package look at from outside.
var (
	Inflate    = inflate
	ToBeSigned = toBeSigned
)
