package e2e

import (
	"html"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"carnet/internal/login/logintest"
)

// TestInsuredDoor: the service of insured people has one door, and says which accounts open it.
func TestInsuredDoor(t *testing.T) {
	c := serve(t, t.TempDir())
	t.Run("ATT-17 every private page leads to FranceConnect, and there is no other login", func(t *testing.T) {
		for _, path := range []string{"/ma-vaccination", "/ma-vaccination/attestation", "/mes-connexions"} {
			b := logintest.NewBrowser(t).Get(c.attest + path)
			if b.Page.URL.Path != "/" || b.Page.Status != 200 {
				t.Fatalf("%s leads to %s, status %d", path, b.Page.URL, b.Page.Status)
			}
			actions := regexp.MustCompile(`<form[^>]* action="([^"]*)"`).FindAllStringSubmatch(b.Page.Body, -1)
			if len(actions) != 1 || actions[0][1] != "/connexion" || b.Page.Has("password") {
				t.Errorf("%s: forms %v", path, actions)
			}
			b.Press("/connexion")
			if at := b.Page.URL.String(); !strings.HasPrefix(at, c.fc+"/") {
				t.Errorf("%s: the login goes to %s", path, at)
			}
		}
	})
	t.Run("ATT-21 the page names the accounts that FranceConnect offers, and each leads to its own recovery", func(t *testing.T) {
		named := accounts(logintest.NewBrowser(t).Get(c.attest + "/franceconnect").Page.Body)
		chooser := html.UnescapeString(logintest.NewBrowser(t).Get(c.attest + "/").Press("/connexion").Page.Body)
		if len(named) != 4 {
			t.Fatalf("named %v", named)
		}
		for name, recovery := range named {
			if !strings.Contains(plain(chooser), name) {
				t.Errorf("FranceConnect does not offer %q:\n%s", name, plain(chooser))
			}
			if b := logintest.NewBrowser(t).Get(recovery); b.Page.Status != 200 {
				t.Errorf("%s: status %d", recovery, b.Page.Status)
			}
		}
	})
	c.stop(t)
	t.Run("ATT-21 the list is configuration", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "carnet.toml")
		secret := filepath.Join(dir, "secret")
		write(t, secret, "not-a-secret-of-anybody")
		write(t, path, "[[account]]\nname = \"Compte de la Mousse\"\nrecovery = \"https://mousse.invalid/perdu\"\n"+
			"[login.attestation]\npreset = \"franceconnect\"\nclient_id = \"carnet\"\nsecret_file = \""+secret+"\"\n")
		c := serve(t, dir, "--config", path)
		named := accounts(logintest.NewBrowser(t).Get(c.attest + "/franceconnect").Page.Body)
		if len(named) != 1 || named["Compte de la Mousse"] != "https://mousse.invalid/perdu" {
			t.Errorf("named %v", named)
		}
		c.stop(t)
		write(t, path, "[[account]]\nname = \"Compte de la Mousse\"\nrecovery = \"javascript:alert(1)\"\n")
		out, err := exec.Command(program(t), "--config", path, "doctor", "--data", dir).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "its recovery is an https address") {
			t.Errorf("%v: %s", err, out)
		}
	})
}

// accounts reads the list of the page that names them, with where each replaces a password.
func accounts(body string) map[string]string {
	list := map[string]string{}
	for _, m := range regexp.MustCompile(`<li>([^<]*?) – <a class="inline" href="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		list[plain(html.UnescapeString(m[1]))] = html.UnescapeString(m[2])
	}
	return list
}

func plain(s string) string {
	return strings.NewReplacer("\u00a0", " ", "\u202f", " ", "’", "'").Replace(s)
}
