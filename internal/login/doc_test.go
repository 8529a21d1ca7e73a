package login

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestDocumentation: docs/login.md has every key of a profile, every code and every preset.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "login.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	var keys func(reflect.Type, string)
	keys = func(of reflect.Type, prefix string) {
		for i := range of.NumField() {
			f := of.Field(i)
			key := prefix + f.Tag.Get("toml")
			if f.Type.Kind() == reflect.Struct {
				keys(f.Type, key+".")
			} else if !strings.Contains(page, "\n| `"+key+"` |") {
				t.Errorf("no line for the key %s", key)
			}
		}
	}
	keys(reflect.TypeFor[Profile](), "")
	for _, code := range []string{CodeMethod, CodeState, CodeExpired, CodeDenied, CodeReported, CodeIssuer, CodeRefused, CodeToken, CodeLevel, CodeStale, CodeClaims,
		CodeNotActive, CodeOrganisation, CodeNumber, CodePending, CodeSlowDown, CodeUnknownUser, CodeProviderDown, CodeProfile} {
		if !strings.Contains(page, "`"+code+"`") {
			t.Errorf("nothing on the code %s", code)
		}
	}
	for _, name := range Presets() {
		if !strings.Contains(page, "| `"+name+"` |") {
			t.Errorf("nothing on the preset %s", name)
		}
	}
	for _, address := range []string{CallbackPath("NAME"), EndPath("NAME"), KeysPath} {
		if !strings.Contains(page, address) {
			t.Errorf("nothing on %s", address)
		}
	}
}
