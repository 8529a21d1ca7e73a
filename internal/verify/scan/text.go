package scan

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"carnet/twoddoc"
)

// scanText takes one payload a line. Control characters of 2D-Doc (GS, RS, US) are part of a
// payload; only the line end is not.
func scanText(data []byte, limits Limits) ([]Code, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(data, []byte("DC01")) {
		// Version 01 ends in raw bytes, a line feed may be one of them: the file is one payload.
		if !bytes.ContainsAny(data, "\n") || !printable(data) {
			c, _ := Line(bytes.TrimSuffix(data, []byte("\n")), 1)
			return []Code{c}, nil
		}
	}
	if !printable(data) {
		return nil, refuse("scan.kind", nil)
	}
	var codes []Code
	n := 0
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		if n++; n > limits.Lines {
			return codes, refuse("scan.size", fmt.Errorf("more than %d lines", limits.Lines))
		}
		if c, ok := Line(line, n); ok {
			codes = append(codes, c)
		}
	}
	return codes, nil
}

// printable reports bytes that a text file with codes may hold.
func printable(data []byte) bool {
	for _, c := range data {
		if c < 0x1c && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}

// Line reads one line of text, without its line feed. An empty line is none.
func Line(line []byte, number int) (Code, bool) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(bytes.TrimSpace(line)) == 0 {
		return Code{}, false
	}
	c := Code{Symbology: "text", Carried: bytes.Clone(line), Line: number}
	c.Format, c.Payload = classify(c.Carried)
	return c, true
}

var (
	markedTwoDDoc = regexp.MustCompile(`^DC[0-9]{2}`)
	// The context identifier of HCERT and what is easily mistaken for it: another version, the
	// wrong case, the French derivatives. The verdict says what is wrong with each.
	markedHCert = regexp.MustCompile(`^(?i:HC[0-9A-Z]{1,3}:|EX1:)`)
)

// classify tells what a symbol or a line holds. Links of wallets are opened: they carry a 2D-Doc
// (wallet, wallet2d) or a DCC (walletdcc), percent-escaped.
func classify(carried []byte) (format string, payload []byte) {
	switch {
	case isTwoDDoc(carried):
		return TwoDDoc, carried
	case markedHCert.Match(carried):
		return HCert, carried
	}
	s := string(carried)
	if !strings.Contains(s, "wallet") {
		return "", carried
	}
	if p, err := twoddoc.FromLink(s); err == nil {
		return TwoDDoc, p
	}
	if p, ok := certificateLink(s); ok {
		return HCert, p
	}
	return "", carried
}

// isTwoDDoc looks at the marker: of text, "DC" and the version; of bytes, DC and 04.
func isTwoDDoc(b []byte) bool {
	return markedTwoDDoc.Match(b) || bytes.HasPrefix(b, []byte{0xdc, 0x04})
}

// certificateLink opens a link …/walletdcc#HC1:… or …/walletdcc?v=HC1:…. A record separator ends
// the certificate: what follows is the code of a positive test.
func certificateLink(s string) ([]byte, bool) {
	path, rest, ok := strings.Cut(s, "walletdcc")
	if !ok || strings.ContainsAny(path, "?#") || len(rest) < 2 {
		return nil, false
	}
	if rest[0] == '?' {
		i := strings.Index(rest, "v=")
		if i < 0 || i > 1 && rest[i-1] != '&' {
			return nil, false
		}
		rest, _, _ = strings.Cut(rest[i+1:], "&")
	} else if rest[0] != '#' {
		return nil, false
	}
	out := make([]byte, 0, len(rest))
	for i := 1; i < len(rest); i++ {
		c := rest[i]
		if c == '%' && i+2 < len(rest) {
			hi, lo := strings.IndexByte("0123456789ABCDEF", upper(rest[i+1])), strings.IndexByte("0123456789ABCDEF", upper(rest[i+2]))
			if hi >= 0 && lo >= 0 {
				c = byte(hi<<4 | lo)
				i += 2
			}
		}
		out = append(out, c)
	}
	out, _, _ = bytes.Cut(out, []byte{0x1e})
	return out, markedHCert.Match(out)
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		c -= 'a' - 'A'
	}
	return c
}
