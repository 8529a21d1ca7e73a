package hcert

// What the tests of this package look at from outside.
var (
	ToBeSigned = toBeSigned
	AppendDER  = appendDER
)

// Inflate gives nil when there is no content.
func Inflate(packed []byte) ([]byte, Code) {
	var u unpacker
	raw, code := u.inflate(packed)
	if code != "" && code != ZlibTrailing {
		return nil, code
	}
	return []byte(raw), code
}
