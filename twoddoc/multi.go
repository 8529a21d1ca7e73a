package twoddoc

import (
	"log/slog"
	"strconv"
)

// maxSymbols of one document.
const maxSymbols = 16

// Part is one symbol of a document that needs several (version 04). In front of its share of the
// payload a symbol has a prefix: six characters, E, the identifier that the symbols share, the position
// and the count; or four bytes in a symbol that holds only bytes.
type Part struct {
	Group  [2]byte // identifier of the document, as C40: the three characters of a prefix of text
	Index  int     // from 0
	Count  int     // 2 to 16
	Binary bool    // the prefix is of bytes
	Data   []byte  // of the payload
	Switch int     // where Data passes from C40 to bytes; see [Document.Switch]
}

// Append writes the symbol: prefix and data.
func (p Part) Append(b []byte) []byte {
	const digits = "0123456789ABCDEF"
	if p.Binary {
		b = append(b, 0xEE, p.Group[0], p.Group[1], byte(p.Index<<4|(17-p.Count)))
	} else {
		group, _ := decodeC40(p.Group[:])
		b = append(append(b, 'E'), group...)
		b = append(b, digits[p.Index&15], digits[(p.Count-1)&15])
	}
	return append(b, p.Data...)
}

// Draw is the symbol and where it passes from C40 to bytes, as package datamatrix wants them.
func (p Part) Draw() (symbol []byte, at int) {
	symbol = p.Append(nil)
	if p.Binary {
		return symbol, 0
	}
	return symbol, len(symbol) - len(p.Data) + p.Switch
}

// String hides the data: "2 of 3".
func (p Part) String() string { return strconv.Itoa(p.Index+1) + " of " + strconv.Itoa(p.Count) }

// GoString hides the data.
func (p Part) GoString() string { return p.String() }

// LogValue hides the data.
func (p Part) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalText hides the data.
func (p Part) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// isPart reports a prefix that ReadPart takes.
func isPart(s string) bool {
	_, err := readPrefix(s)
	return err == nil
}

// readPrefix reads all but Data.
func readPrefix(s string) (Part, *Error) {
	switch {
	case len(s) >= 6 && s[0] == 'E':
		for i := 1; i < 6; i++ {
			if base36(s[i]) < 0 || i > 3 && !isHex(s[i]) {
				return Part{}, &Error{Code: MultiPrefix, Offset: i}
			}
		}
		group, err := AppendText(nil, s[1:4])
		if err != nil {
			return Part{}, &Error{Code: MultiPrefix, Offset: 1}
		}
		p := Part{Group: [2]byte(group), Index: base36(s[4]), Count: base36(s[5]) + 1}
		if p.Count < 2 || p.Index >= p.Count {
			return Part{}, &Error{Code: MultiPrefix, Offset: 4}
		}
		return p, nil
	case len(s) >= 4 && s[0] == 0xEE:
		p := Part{Group: [2]byte{s[1], s[2]}, Index: int(s[3] >> 4), Count: 17 - int(s[3]&15), Binary: true}
		if p.Count > maxSymbols || p.Index >= p.Count {
			return Part{}, &Error{Code: MultiPrefix, Offset: 3}
		}
		return p, nil
	}
	return Part{}, &Error{Code: MultiPrefix}
}

// ReadPart reads one symbol of several. Data is a part of symbol, not a copy; Switch is not known.
func ReadPart(symbol []byte) (Part, error) {
	if len(symbol) > MaxSymbol {
		return Part{}, &Error{Code: SizeLong, Offset: MaxSymbol}
	}
	p, err := readPrefix(string(symbol[:min(6, len(symbol))]))
	if err != nil {
		return Part{}, err
	}
	if p.Binary {
		p.Data = symbol[4:]
	} else {
		p.Data = symbol[6:]
	}
	return p, nil
}

// Join puts the payload of several symbols together, whatever their order. A symbol may come twice, as a
// camera sees it; two different ones for one position are refused. Until all are there the error is
// [MultiMissing].
func Join(symbols ...[]byte) ([]byte, error) {
	var parts [maxSymbols]Part
	fail := func(code Code, i, at int) ([]byte, error) {
		return nil, &Error{Code: code, Field: strconv.Itoa(i), Offset: at}
	}
	if len(symbols) == 0 {
		return fail(MultiMissing, 0, 0)
	}
	var one Part
	total := 0
	for i, s := range symbols {
		p, err := ReadPart(s)
		if err != nil {
			return fail(err.(*Error).Code, i, err.(*Error).Offset)
		}
		if i == 0 {
			one = p
		}
		if p.Group != one.Group || p.Count != one.Count {
			return fail(MultiGroup, i, 1)
		}
		switch known := &parts[p.Index]; {
		case known.Count == 0:
			*known = p
			total += len(p.Data)
		case known.Binary != p.Binary || string(known.Data) != string(p.Data):
			return fail(MultiTwice, i, len(s)-len(p.Data))
		}
	}
	for i, p := range parts[:one.Count] {
		if p.Count == 0 {
			return fail(MultiMissing, i, 0)
		}
	}
	payload := make([]byte, 0, total)
	for _, p := range parts[:one.Count] {
		payload = append(payload, p.Data...)
	}
	return payload, nil
}

// Split cuts a payload of version 04 into count symbols of about one length, 2 to 16. The group is
// three characters A-Z or 0-9 that no other document on the page has. Draw them all in symbols of one
// size: the largest that one of them needs.
func Split(payload []byte, group string, count int) ([]Part, error) {
	if count < 2 || count > maxSymbols {
		return nil, &Error{Code: MultiCount}
	}
	if len(group) != 3 || !isID(group) {
		return nil, &Error{Code: MultiGroup}
	}
	d, err := ParseTolerant(payload)
	if err != nil {
		return nil, err
	}
	if d.Header.Version != 4 {
		return nil, &Error{Code: IssueVersion, Offset: 2}
	}
	id, err := AppendText(nil, group)
	if err != nil {
		return nil, err
	}
	parts := make([]Part, count)
	for i := range parts {
		from, to := i*len(payload)/count, (i+1)*len(payload)/count
		p := Part{Group: [2]byte(id), Index: i, Count: count, Binary: from >= d.Switch, Data: payload[from:to]}
		p.Switch = min(max(d.Switch-from, 0), to-from)
		if to-from > MaxSymbol-6 {
			return nil, &Error{Code: SizeLong, Offset: from + MaxSymbol - 6}
		}
		parts[i] = p
	}
	return parts, nil
}
