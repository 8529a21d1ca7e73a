package e2e

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"carnet/internal/login/logintest"
	"carnet/internal/sandbox"
	"carnet/internal/sandbox/phone/phonetest"
	"carnet/internal/site/sitetest"
)

// dialler is a professional with an enrolled telephone.
type dialler struct {
	sandbox.Practitioner
	*phonetest.Phone
}

// dial asks the telephone of a professional and answers as its owner; delegate is who types, if anybody.
func (p dialler) dial(c *carnet, delegate string) []step {
	var digits string
	steps := []step{chromedp.Navigate(c.pro), fill("#number", p.Professional.Number.Reveal())}
	if delegate != "" {
		steps = append(steps, fill("#delegate", delegate))
	}
	return append(steps, sitetest.Press(`form[action="/connexion/appel"] button`), p.answer(&digits), again(c.pro+"/connexion/attente"))
}

// answer reads the number of the waiting page and types it on the telephone.
func (p dialler) answer(digits *string) step {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		words, err := chromedp.Text(chromedp.CSS("p.code"))(ctx, t)
		if err != nil {
			return chromedp.Void{}, err
		}
		*digits = strings.Join(strings.Fields(words), "")
		return chromedp.Void{}, approve(p.Phone, *digits)
	}
}

// authenticator gives the browser a device that makes passkeys and asks its owner, who always agrees.
func authenticator(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
	if _, err := cdp.Call(ctx, t, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		return chromedp.Void{}, err
	}
	_, err := cdp.Call(ctx, t, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true,
		IsUserVerified: true, AutomaticPresenceSimulation: true}})
	return chromedp.Void{}, err
}

// TestDelegation goes the whole way of a delegation in a browser: the professional declares somebody,
// whose device makes a passkey; a request names them; they prove who they are, enter a dose, and may do
// no more; the professional reads it and contests it.
func TestDelegation(t *testing.T) {
	world, err := sandbox.ReadWorld()
	if err != nil {
		t.Fatal(err)
	}
	person, owner := world.People[0], world.Professionals[0]
	browser := sitetest.NewBrowser(t)
	c := serve(t, t.TempDir())
	saule := dialler{owner, phonetest.Give(t, c.psc, owner.Identifier, rand.Reader)}
	const delegate = "Basile Genêt"

	var declared, opening, asked, entered, refused, list, contested string
	var jar []*network.Cookie
	all := slices.Concat(
		[]step{authenticator}, saule.dial(c, ""),
		[]step{sitetest.Tick("#situation"), sitetest.Press(`form[action="/connexion/ouverture"] button`),
			chromedp.Navigate(c.pro + "/parametres"), fill("#name", delegate), sitetest.Press(`form[action="/parametres/personnes"].form button`),
			sitetest.Press(`form[data-create] button`), read(&declared), out},
		saule.dial(c, delegate),
		[]step{read(&opening), sitetest.Tick("#situation"), sitetest.Tick("#presence-2"), sitetest.Press(`form[action="/connexion/ouverture"] button`), read(&asked),
			sitetest.Press(`form[data-challenge] button`), cookies(c.pro, &jar),
			fill("#nir", person.Identity.NIR.Reveal()), sitetest.Press(`form[action="/vacciner"] button`),
			fill("#vaccine", "EU/1/20/1528"), fill("#lot", lot), sitetest.Tick("#asked"), sitetest.Tick("#site"), sitetest.Press("form.form .actions button"),
			sitetest.Press(`form[action$="/enregistrer"] .actions button`), read(&entered),
			chromedp.Navigate(c.pro + "/parametres"), read(&refused), out},
		saule.dial(c, ""),
		[]step{sitetest.Tick("#situation"), sitetest.Press(`form[action="/connexion/ouverture"] button`), chromedp.Navigate(c.pro + "/parametres"), read(&list),
			sitetest.Press(`form[action="/parametres/saisies"] button`), read(&contested), out},
	)
	browser.Look(t, sitetest.Look{URL: c.pro, Width: 1280, Scheme: sitetest.Light, JS: true, Headers: map[string]string{"Accept-Language": "fr"}, Do: all})

	contains(t, "the settings after the passkey", declared, "C'est enregistré", delegate)
	t.Run("ECP-08 the session shows the name of the person who types", func(t *testing.T) {
		contains(t, "the opening", opening, delegate, "Ailleurs : il a vérifié")
		if strings.Contains(opening, "Moi-même") {
			t.Error("a request for a delegate could open a session for the professional")
		}
		contains(t, "the page of the passkey", asked, delegate+" va saisir sous la responsabilité du professionnel")
	})
	name := owner.Professional.GivenName.Reveal() + " " + owner.Professional.FamilyName.Reveal()
	t.Run("ECP-07 both names are on every page and on the act", func(t *testing.T) {
		contains(t, "the page after saving", entered, "enregistrée", delegate+" saisit sous la responsabilité du professionnel "+name)
		contains(t, "the list of entries", list, "Ce qui a été saisi en mon nom", delegate, "Comirnaty")
	})
	contains(t, "the settings for a delegate", refused, "Accès refusé", "c'est au professionnel, dans sa propre session")
	contains(t, "after the contest", contested, "Contestée")
	t.Run("ECP-07 nothing is written once the delegation is over", func(t *testing.T) {
		r := postForm(t, c.pro+"/parametres/saisies", jar, url.Values{"person": {"x"}})
		if r.StatusCode != http.StatusUnauthorized {
			t.Errorf("status %d with the cookie of a delegate who left", r.StatusCode)
		}
	})
}

func postForm(t *testing.T, address string, with []*network.Cookie, form url.Values) *http.Response {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, k := range with {
		r.AddCookie(&http.Cookie{Name: k.Name, Value: k.Value})
	}
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

// TestRevocation: the operator ends the sessions of a professional, and the very next request is refused.
func TestRevocation(t *testing.T) {
	world, err := sandbox.ReadWorld()
	if err != nil {
		t.Fatal(err)
	}
	owner, number := world.Professionals[0], world.Professionals[0].Professional.Number.Reveal()
	dir := t.TempDir()
	c := serve(t, dir)
	phone := atSandbox{phonetest.Give(t, c.psc, owner.Identifier, rand.Reader)}
	b := logintest.NewBrowser(t)
	digits := call(t, b, c.pro, number)
	t.Run("ECP-01 no session opens before the phone has answered", func(t *testing.T) {
		other := *b
		if other.Get(c.pro + "/connexion/ouverture"); other.Page.Has("situation") || other.Page.Status == http.StatusOK {
			t.Errorf("status %d\n%s", other.Page.Status, other.Page.Body)
		}
	})
	phone.approve(t, digits, digits)
	await(t, b)
	b.Send(map[string]string{"situation": b.Page.Choices("situation")[0]})
	if !b.Page.Has("nir") {
		t.Fatalf("no session at %s:\n%s", b.Page.URL, b.Page.Body)
	}
	t.Run("VIT-50 the account is personal, and its revocation cuts the access at once", func(t *testing.T) {
		out, err := exec.Command(program(t), "--data", filepath.Join(dir, "data"), "session", "end", number).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if b.Get(c.pro + "/recherche"); b.Page.Has("nir") || b.Page.URL.Path != "/" {
			t.Errorf("still open: %s", b.Page.URL)
		}
	})
	t.Run("ECP-01 the next session asks again", func(t *testing.T) {
		if call(t, b, c.pro, number) == "" {
			t.Error("nothing asked")
		}
	})
}
