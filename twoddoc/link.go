package twoddoc

import "strings"

// WalletPath is the default form of a link: the payload stands in the fragment, which a browser
// does not send to the server of the link. Put the operator's own origin before it.
const WalletPath = "/app/wallet2d#"

// Link appends the escaped payload to a prefix such as "https://carnet.example/app/wallet2d#".
// Letters A-Z, digits and "/-." stand for themselves, every other byte is %XX: after the prefix the
// link is in the alphanumeric set of QR codes.
func Link(prefix string, payload []byte) string {
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, len(prefix)+len(payload)+64)
	b = append(b, prefix...)
	for _, c := range payload {
		if c >= 'A' && c <= 'Z' || c >= '-' && c <= '9' {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}

// FromLink finds the payload in what a wallet is given: a link of any host whose path ends in
// wallet or wallet2d with the payload in query item v or in the fragment, or a raw payload. A plus sign stays a plus sign.
// Links to EU certificates (walletdcc) are not 2D-Doc: they give LinkForm.
func FromLink(link string) ([]byte, error) {
	if len(link) > 3*MaxPayload+2048 {
		return nil, &Error{Code: LinkLong, Offset: 3*MaxPayload + 2048}
	}
	if isPayload(link) {
		if len(link) > MaxPayload {
			return nil, &Error{Code: SizeLong, Offset: MaxPayload}
		}
		return []byte(link), nil
	}
	at, end := linkPayload(link)
	if at < 0 {
		return nil, &Error{Code: LinkForm}
	}
	payload, err := unescape(link, at, end)
	if err != nil {
		return nil, err
	}
	if len(payload) > MaxPayload {
		return nil, &Error{Code: SizeLong, Offset: at}
	}
	if !isPayload(string(payload)) {
		return nil, &Error{Code: LinkForm, Offset: at}
	}
	return payload, nil
}

// linkPayload is where the escaped payload stands: in query item v, else in the fragment.
func linkPayload(link string) (at, end int) {
	i := strings.IndexAny(link, "?#")
	if i < 0 {
		return -1, -1
	}
	if path := link[:i]; !strings.HasSuffix(path, "/wallet") && !strings.HasSuffix(path, "/wallet2d") {
		return -1, -1
	}
	if link[i] == '#' {
		return i + 1, len(link)
	}
	query, _, fragment := strings.Cut(link[i+1:], "#")
	at = i + 1
	for item := range strings.SplitSeq(query, "&") {
		if strings.HasPrefix(item, "v=") {
			return at + 2, at + len(item)
		}
		at += len(item) + 1
	}
	if !fragment {
		return -1, -1
	}
	return at, len(link) // the last item ended at the #
}

func isPayload(s string) bool {
	return len(s) >= 4 && s[:3] == "DC0" && s[3] >= '1' && s[3] <= '4'
}

func unescape(link string, at, end int) ([]byte, error) {
	b := make([]byte, 0, end-at)
	for i := at; i < end; i++ {
		c := link[i]
		if c == '%' {
			if i+2 >= end {
				return nil, &Error{Code: LinkEscape, Offset: i}
			}
			hi, lo := nibble(link[i+1]), nibble(link[i+2])
			if hi > 15 || lo > 15 {
				return nil, &Error{Code: LinkEscape, Offset: i}
			}
			c = hi<<4 | lo
			i += 2
		}
		b = append(b, c)
	}
	return b, nil
}

// nibble is the value of a hexadecimal digit of either case; above 15 when it is none.
func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xFF
}
