package origin

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestAddress(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		name, remote string
		forwarded    []string
		proxies      []netip.Prefix
		want         string
	}{
		{"the connection", "192.0.2.7:4000", nil, nil, "192.0.2.7"},
		{"a browser writes the header", "192.0.2.7:4000", []string{"203.0.113.9"}, proxies, "192.0.2.7"},
		{"through our proxy", "10.0.0.1:80", []string{"192.0.2.7"}, proxies, "192.0.2.7"},
		{"through two, with a forged beginning", "10.0.0.1:80", []string{"203.0.113.9, 192.0.2.7", "10.2.3.4"}, proxies, "192.0.2.7"},
		{"without proxies the header is nothing", "10.0.0.1:80", []string{"192.0.2.7"}, nil, "10.0.0.1"},
		{"what cannot be read ends the way back", "10.0.0.1:80", []string{"192.0.2.7, x"}, proxies, "10.0.0.1"},
		{"an address in the clothes of the other family", "[::ffff:192.0.2.7]:1", nil, nil, "192.0.2.7"},
		{"a zone is left out", "[fe80::1%eth0]:1", nil, nil, "fe80::1"},
		{"nothing", "pipe", nil, nil, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: c.remote, Header: http.Header{"X-Forwarded-For": c.forwarded}}
		if got := Address(r, c.proxies).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{"192.0.2.7": "192.0.2.0/24", "::ffff:192.0.2.7": "192.0.2.0/24", "2001:db8:1:2::3": "2001:db8:1::/48", "": "unknown"} {
		a, _ := netip.ParseAddr(in)
		if got := Network(a); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

func TestPlaces(t *testing.T) {
	p, err := Sample()
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]Place{
		"127.0.0.1": {"cette machine", ""}, "::1": {"cette machine", ""}, "203.0.113.9": {"Belgique", "BE"}, "::ffff:203.0.113.9": {"Belgique", "BE"},
		"2001:db8:ffff::1": {"Allemagne", "DE"}, "2001:db8:1::1": {"Valombre (département 99)", "FR"}, "8.8.8.8": {}, "fe80::1": {}, "": {},
	} {
		a, _ := netip.ParseAddr(in)
		if got := p.Find(a); got != want {
			t.Errorf("%s: %+v, want %+v", in, got, want)
		}
	}
	longest, err := ReadPlaces(strings.NewReader("0.0.0.0/0,,partout\n192.0.0.0/8,FR,grand, vraiment\n192.0.2.0/24,BE,petit\n"))
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{"192.0.2.1": "petit", "192.1.1.1": "grand, vraiment", "1.1.1.1": "partout"} {
		if got := longest.Find(netip.MustParseAddr(in)).Label; got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
	if (Places{}).Find(netip.MustParseAddr("192.0.2.1")) != (Place{}) {
		t.Error("an empty table knows a place")
	}
	for _, bad := range []string{"x", "192.0.2.0/24,FR", "192.0.2.1/24,FR,x", "192.0.2.0/24,fr,x", "192.0.2.0/24,FR,", "192.0.2.0/24,FR,a\x01",
		"192.0.2.0/24,FR,a\n192.0.2.0/24,FR,b", "192.0.2.0/24,FR," + strings.Repeat("é", 61)} {
		if _, err := ReadPlaces(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func TestBrowser(t *testing.T) {
	for in, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                        "Firefox, Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36":               "Chrome, Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0": "Edge, Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15":         "Safari, macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/604.1":     "Safari, iOS",
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36":                  "Chrome, Android",
		"curl/8": "?, ?", "": "?, ?",
	} {
		if got := Browser(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func FuzzReadPlaces(f *testing.F) {
	f.Add(sample)
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ReadPlaces(strings.NewReader(s))
		if err == nil {
			p.Find(netip.MustParseAddr("192.0.2.1"))
		}
	})
}
