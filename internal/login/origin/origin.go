// Package origin says from where a request comes, as coarsely as it may: the network and not the
// address, a department or a country and not a position, the family of a browser and not its
// version. It is context for whoever must recognise a request, never a proof of who made it
// (CNIL, deliberation 2025-019; identity section 6, R9 to R11 and R21).
package origin

import (
	"bufio"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Address is the address of who asks. With no trusted proxy it is that of the connection; with
// some, the last one of X-Forwarded-For that none of them has. It is invalid when the connection
// has none that can be read.
func Address(r *http.Request, proxies []netip.Prefix) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := at.Addr().Unmap().WithZone("")
	trusted := func(a netip.Addr) bool {
		return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	// A browser may write the header itself: it counts from its end, as far as our proxies wrote it.
	var hops []string
	for _, line := range r.Header.Values("X-Forwarded-For") {
		hops = append(hops, strings.Split(line, ",")...)
	}
	for i := len(hops) - 1; i >= 0 && trusted(addr); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = next.Unmap().WithZone("")
	}
	return addr
}

// Network is the /24 of an IPv4 address or the /48 of an IPv6 one, in canonical form; "unknown"
// for an address that is not valid, so that all of these share one limit.
func Network(a netip.Addr) string {
	bits := 48
	if a = a.Unmap(); a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil || !p.IsValid() {
		return "unknown"
	}
	return p.String()
}

// Place is where a network is, as far as an operator knows.
type Place struct {
	Label   string // "Paris (75)": a department or a country, in the operator's words
	Country string // ISO 3166 alpha-2; empty when it is not known
}

// Places is a table of networks, offline. The zero Places knows none.
type Places struct{ list []entry }

type entry struct {
	prefix netip.Prefix
	place  Place
}

const (
	maxLines = 2_000_000
	maxLabel = 60 // characters
)

//go:embed sample.csv
var sample string

// Sample is the table of the sandbox: this machine, and the networks that documentation uses.
func Sample() (Places, error) { return ReadPlaces(strings.NewReader(sample)) }

// ReadPlaces reads lines "prefix,country,label", longest prefix wins; empty lines and lines that
// begin with # are left out. The label may hold commas.
func ReadPlaces(r io.Reader) (Places, error) {
	var p Places
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		if n > maxLines {
			return Places{}, fmt.Errorf("places: more than %d lines", maxLines)
		}
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		e, err := readPlace(line)
		if err != nil {
			return Places{}, fmt.Errorf("places: line %d: %w", n, err)
		}
		p.list = append(p.list, e)
	}
	if err := lines.Err(); err != nil {
		return Places{}, fmt.Errorf("places: %w", err)
	}
	slices.SortFunc(p.list, compare)
	for i := 1; i < len(p.list); i++ {
		if compare(p.list[i-1], p.list[i]) == 0 {
			return Places{}, fmt.Errorf("places: %s is there twice", p.list[i].prefix)
		}
	}
	return p, nil
}

func compare(a, b entry) int {
	return cmp.Or(a.prefix.Addr().Compare(b.prefix.Addr()), a.prefix.Bits()-b.prefix.Bits())
}

func readPlace(line string) (entry, error) {
	prefix, rest, _ := strings.Cut(line, ",")
	country, label, ok := strings.Cut(rest, ",")
	p, err := netip.ParsePrefix(strings.TrimSpace(prefix))
	if !ok || err != nil {
		return entry{}, errors.New("it is not prefix,country,label")
	}
	country, label = strings.TrimSpace(country), strings.TrimSpace(label)
	if country != "" && (len(country) != 2 || strings.Trim(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		return entry{}, errors.New("the country is not two capitals")
	}
	if label == "" || !utf8.ValidString(label) || utf8.RuneCountInString(label) > maxLabel || strings.IndexFunc(label, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
		return entry{}, fmt.Errorf("the label is empty, not printable, or longer than %d characters", maxLabel)
	}
	if p != p.Masked() {
		return entry{}, errors.New("the prefix has bits after its length")
	}
	return entry{p, Place{label, country}}, nil
}

// Find is the place of an address; the zero Place when the table does not say.
func (p Places) Find(a netip.Addr) Place {
	a = a.Unmap().WithZone("")
	if !a.IsValid() {
		return Place{}
	}
	for bits := a.BitLen(); bits >= 0; bits-- {
		prefix, err := a.Prefix(bits)
		if err != nil {
			return Place{}
		}
		if i, found := slices.BinarySearchFunc(p.list, entry{prefix: prefix}, compare); found {
			return p.list[i].place
		}
	}
	return Place{}
}

// Browser is the family of a browser and of its system, "Firefox, Linux", from its User-Agent;
// either part is "?" when it is none that is common. It has no version and names no model.
func Browser(userAgent string) string {
	if len(userAgent) > 1024 {
		userAgent = userAgent[:1024]
	}
	family := func(marks [][2]string) string {
		for _, m := range marks {
			if strings.Contains(userAgent, m[0]) {
				return m[1]
			}
		}
		return "?"
	}
	// Each browser also carries the marks of those after it.
	return family([][2]string{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}}) + ", " +
		family([][2]string{{"iPhone", "iOS"}, {"iPad", "iOS"}, {"Android", "Android"}, {"CrOS", "ChromeOS"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"}})
}

// Mobile reports a browser of a phone or a tablet that also takes requests of a login.
func Mobile(userAgent string) bool {
	_, system, _ := strings.Cut(Browser(userAgent), ", ")
	return system == "iOS" || system == "Android"
}
