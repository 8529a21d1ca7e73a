package attestation

import (
	"io"
	"net/http/httptest"
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/site/sitetest"
)

// TestLook looks at every page in a real browser, without JavaScript.
func TestLook(t *testing.T) {
	browser := sitetest.NewBrowser(t)
	for _, page := range []struct {
		name, path string
		session    bool
		fake       fake
	}{
		{name: "home", path: "/"},
		{name: "home-down", path: "/connexion/retour/fc", fake: fake{finish: carnet.E("login", carnet.Unavailable, login.CodeProviderDown, nil)}},
		{name: "about", path: "/franceconnect"},
		{name: "notice", path: NoticePath},
		{name: "stranger", path: "/connexion/retour/fc", fake: fake{resolve: carnet.E("people", carnet.NotFound, "person.unresolved", nil)}},
		{name: "near", path: "/connexion/retour/fc", fake: fake{resolve: &carnet.Error{Op: "people", Kind: carnet.NotFound, Code: "person.near", Field: "hyphen"}}},
		{name: "sessions", path: "/mes-connexions", session: true},
		{name: "messages", path: messagesPath, session: true, fake: fake{notices: told()}},
		{name: "no-message", path: messagesPath, session: true},
		{name: "unread", path: "/ma-vaccination", session: true, fake: fake{doses: newFake(2).doses, notices: told()}},
		{name: "none", path: "/ma-vaccination", session: true},
		{name: "going", path: "/ma-vaccination", session: true, fake: fake{doses: newFake(1).doses}},
		{name: "complete", path: "/ma-vaccination", session: true, fake: fake{doses: newFake(2).doses}},
		{name: "several", path: "/ma-vaccination", session: true, fake: fake{doses: several()}},
		{name: "replace", path: replacePath, session: true, fake: fake{doses: newFake(2).doses}},
		{name: "replaced", path: "/ma-vaccination?remplace=1", session: true, fake: fake{doses: newFake(2).doses}},
		{name: "issuance", path: issuancePath},
		{name: "no-pdf", path: "/ma-vaccination/attestation", session: true},
	} {
		t.Run(page.name, func(t *testing.T) {
			_, h := start(t, &page.fake, io.Discard)
			server := httptest.NewServer(h)
			defer server.Close()
			look := sitetest.Look{URL: server.URL + page.path, Headers: map[string]string{"Accept-Language": "fr"}}
			if !page.session {
				look.Headers[sitetest.Anonymous] = "none"
			}
			browser.Check(t, "attestation-"+page.name, look)
		})
	}
}
