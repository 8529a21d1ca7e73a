package login_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
)

const staffList = `
[[staff.organisation]]
siret = "99999999900012"
name = "Caisse de Valombre"
roles = ["dpo", "support"]
[[staff.organisation]]
siret = "99999999900020"
name = "Caisse de Rochebrune"
roles = ["security"]
[[staff.member]]
siret = "99999999900012"
email = "R.Aubepine@caisse.example"
roles = ["support", "dpo"]
[[staff.member]]
siret = "99999999900012"
email = "l.tilleul@caisse.example"
uid = "T42"
roles = ["support"]
[[staff.member]]
siret = "99999999900020"
uid = "F7"
roles = ["security"]
`

func readStaff(t *testing.T, text string) login.Allowed {
	t.Helper()
	var file struct{ Staff login.Allowed }
	if _, err := toml.Decode(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Staff
}

// TestStaff is deny by default: each line but the first three is somebody who does not enter.
func TestStaff(t *testing.T) {
	list := readStaff(t, staffList)
	if err := list.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, siret, email, uid string
		want                    []protect.Role
		code                    string
	}{
		{"by address, whatever its case", "99999999900012", "r.aubepine@CAISSE.example", "x", []protect.Role{protect.Support, protect.Protection}, ""},
		{"by address and identifier", "99999999900012", "l.tilleul@caisse.example", "T42", []protect.Role{protect.Support}, ""},
		{"by identifier", "99999999900020", "anything@other.example", "F7", []protect.Role{protect.SecurityStaff}, ""},
		{"one of the two is wrong", "99999999900012", "l.tilleul@caisse.example", "T43", nil, login.CodeStaff},
		{"of another organisation", "99999999900020", "r.aubepine@caisse.example", "x", nil, login.CodeStaff},
		{"of an organisation that is not listed", "99999999900038", "r.aubepine@caisse.example", "x", nil, login.CodeOrganisation},
		{"nobody", "", "", "", nil, login.CodeOrganisation},
		{"no address", "99999999900012", "", "", nil, login.CodeStaff},
	} {
		o, roles, err := list.Roles(login.Staff{SIRET: c.siret, Email: carnet.Hide(c.email), UID: carnet.Hide(c.uid)})
		if c.code == "" && (err != nil || o.SIRET != c.siret) || c.code != "" && carnet.CodeOf(err) != c.code || !slices.Equal(roles, c.want) {
			t.Errorf("%s: %v %v", c.name, roles, err)
		}
	}
	if _, _, err := (login.Allowed{}).Roles(login.Staff{SIRET: "99999999900012"}); carnet.CodeOf(err) != login.CodeOrganisation {
		t.Errorf("an empty list lets somebody in: %v", err)
	}
	// A list that nobody validated gives no role that its organisation lacks.
	loose := readStaff(t, strings.Replace(staffList, `roles = ["support", "dpo"]`, `roles = ["security", "insured"]`, 1))
	if _, roles, err := loose.Roles(login.Staff{SIRET: "99999999900012", Email: carnet.Hide("r.aubepine@caisse.example")}); err == nil {
		t.Errorf("got %v", roles)
	}
}

func TestStaffFaults(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"siret":              {`siret = "99999999900012"` + "\nname", `siret = "123"` + "\nname", "not a SIRET"},
		"no name":            {`name = "Caisse de Valombre"`, `name = ""`, "no name"},
		"role unknown":       {`roles = ["dpo", "support"]`, `roles = ["dpo", "support", "king"]`, `"king"`},
		"a person's role":    {`roles = ["security"]`, `roles = ["insured"]`, `"insured"`},
		"role not held":      {`roles = ["support", "dpo"]`, `roles = ["security"]`, `"security"`},
		"role twice":         {`roles = ["support", "dpo"]`, `roles = ["dpo", "dpo"]`, "twice"},
		"no role":            {`roles = ["support", "dpo"]`, `roles = []`, "no role"},
		"nobody":             {`email = "R.Aubepine@caisse.example"`, ``, "neither email nor uid"},
		"member twice":       {`email = "l.tilleul@caisse.example"`, `email = "r.aubepine@caisse.example"`, "twice"},
		"organisation twice": {`siret = "99999999900020"` + "\nname", `siret = "99999999900012"` + "\nname", "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(staffList, c.old, c.new, 1)
			if text == staffList {
				t.Fatal("the fault was not planted")
			}
			if err := readStaff(t, text).Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
