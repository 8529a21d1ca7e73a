package twoddoc

import "strings"

// walletRule is how the published wallets match one field.
type walletRule struct {
	id    string
	kind  byte // v: variable, ended by GS or RS; e: the same, may be empty; f: fixed; o: GS is optional
	class string
	max   int
}

var walletL1 = []walletRule{
	{"L0", 'v', "A-Z_./-", 80}, {"L1", 'v', "A-Z_./-", 80}, {"L2", 'f', "0-9", 8},
	{"L3", 'e', "A-Z0-9_./-", 30}, {"L4", 'v', "A-Z0-9_./-", 15}, {"L5", 'v', "A-Z0-9_./-", 30},
	{"L6", 'v', "A-Z0-9_./-", 30}, {"L7", 'f', "0-9", 1}, {"L8", 'f', "0-9", 1}, {"L9", 'f', "0-9", 8},
	{"LA", 'f', "A-Z", 2},
}

var walletB2 = []walletRule{
	{"F0", 'v', "A-Z_/", 60}, {"F1", 'v', "A-Z_", 38}, {"F2", 'f', "0-9", 8}, {"F3", 'f', "FMU", 1},
	{"F4", 'o', "A-Z0-9", 7}, {"F5", 'f', "PNIX", 1}, {"F6", 'f', "0-9", 12},
}

// WalletReads applies the rules of the two published TousAntiCovid wallets to a payload of type
// L1 or B2. They match the whole payload to one pattern per type, stricter than the format:
// version 04, one order of identifiers and nothing else, GS or RS after every variable field
// even at its maximum (after F4 it is optional), no empty field but L3, no annex. A code that
// breaks them is a valid 2D-Doc that no wallet imports; the error is one of the Wallet codes.
func WalletReads(payload []byte) error {
	if len(payload) > MaxPayload {
		return &Error{Code: SizeLong, Offset: MaxPayload}
	}
	s := string(payload)
	if len(s) < headerLen[4] || s[:4] != "DC04" {
		return &Error{Code: WalletHeader}
	}
	if !isID(s[4:headerLen[4]]) {
		return &Error{Code: WalletHeader, Offset: 4}
	}
	rules := walletL1
	switch s[20:22] {
	case "L1":
	case "B2":
		rules = walletB2
	default:
		return &Error{Code: WalletHeader, Offset: 20}
	}
	at := headerLen[4]
	for _, r := range rules {
		next, err := r.match(s, at)
		if err != nil {
			return err
		}
		at = next
	}
	if at >= len(s) || s[at] != us {
		return &Error{Code: WalletOrder, Offset: at}
	}
	tail := s[at+1:]
	if tail == "" || strings.Trim(tail, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=") != "" {
		return &Error{Code: WalletSignature, Offset: at + 1}
	}
	return nil
}

// match returns where the next field begins.
func (r walletRule) match(s string, at int) (int, *Error) {
	fail := func(code Code, at int) (int, *Error) { return 0, &Error{Code: code, Field: r.id, Offset: at} }
	if !strings.HasPrefix(s[at:], r.id) {
		return fail(WalletOrder, at)
	}
	at += len(r.id)
	set, end := newSet(r.class), at
	for end < len(s) && end < at+r.max && set.has(s[end]) {
		end++
	}
	switch r.kind {
	case 'f':
		if end < at+r.max {
			return fail(WalletOrder, end)
		}
		return end, nil
	case 'o':
		// Without a separator nothing but the next identifier ends the value.
		for ; end >= at+3; end-- {
			if rest := strings.TrimPrefix(s[end:], string(rune(GS))); strings.HasPrefix(rest, "F5") {
				return len(s) - len(rest), nil
			}
		}
		return fail(WalletEnd, end)
	}
	if end == len(s) || s[end] != byte(GS) && s[end] != byte(RS) {
		return fail(WalletEnd, end)
	}
	if end == at && r.kind == 'v' {
		return fail(WalletEmpty, at)
	}
	return end + 1, nil
}
