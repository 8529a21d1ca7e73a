package vitale

import (
	"errors"
	"strings"
)

// object is one BER-TLV object: tags of one or two bytes, lengths of one to three.
type object struct {
	tag   uint16
	value []byte
	parts []object // of a constructed object
}

var errTLV = errors.New("not a sequence of TLV objects")

// parse reads objects up to the end. Zero bytes between them are padding, as files have it.
func parse(data []byte, depth int) ([]object, error) {
	if len(data) > MaxFile || depth > maxDepth {
		return nil, errTLV
	}
	var list []object
	for len(data) > 0 {
		if data[0] == 0 {
			data = data[1:]
			continue
		}
		o, rest, err := next(data)
		if err != nil {
			return nil, err
		}
		data = rest
		if o.constructed() {
			if o.parts, err = parse(o.value, depth+1); err != nil {
				return nil, err
			}
		}
		list = append(list, o)
	}
	return list, nil
}

// next takes one object off the front.
func next(data []byte) (object, []byte, error) {
	tag, rest := uint16(data[0]), data[1:]
	if tag&0x1F == 0x1F {
		if len(rest) == 0 || rest[0]&0x80 != 0 { // tags of three bytes are not met
			return object{}, nil, errTLV
		}
		tag, rest = tag<<8|uint16(rest[0]), rest[1:]
	}
	if len(rest) == 0 {
		return object{}, nil, errTLV
	}
	n, rest := int(rest[0]), rest[1:]
	if n > 0x7F {
		more := n & 0x7F
		if more < 1 || more > 2 || len(rest) < more {
			return object{}, nil, errTLV
		}
		n = 0
		for _, b := range rest[:more] {
			n = n<<8 | int(b)
		}
		rest = rest[more:]
	}
	if n > len(rest) {
		return object{}, nil, errTLV
	}
	return object{tag: tag, value: rest[:n]}, rest[n:], nil
}

func (o object) constructed() bool {
	if o.tag > 0xFF {
		return o.tag&0x2000 != 0
	}
	return o.tag&0x20 != 0
}

// part gives the value of the first part with a tag.
func (o object) part(tag uint16) []byte {
	for _, p := range o.parts {
		if p.tag == tag {
			return p.value
		}
	}
	return nil
}

var errLong = errors.New("a text is too long")

// text turns Latin-1 into UTF-8, without control characters and without spaces around it.
func text(latin []byte) (string, error) {
	if len(latin) > MaxText {
		return "", errLong
	}
	var b strings.Builder
	for _, c := range latin {
		if c >= 0x20 && c < 0x7F || c >= 0xA0 {
			b.WriteRune(rune(c))
		}
	}
	return strings.Trim(b.String(), " \u00a0"), nil
}
