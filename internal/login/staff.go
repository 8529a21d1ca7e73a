package login

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Allowed is the allow-list of staff, as the configuration has it. Who is not in it does not enter,
// whatever a provider says about them:
//
//	[[staff.organisation]]
//	siret = "99999999900012"
//	name = "Caisse de Valombre"
//	roles = ["dpo", "support"]        # roles that its members may be given
//
//	[[staff.member]]
//	siret = "99999999900012"
//	email = "r.aubepine@caisse.example"  # or uid, as the organisation names them
//	roles = ["dpo"]
type Allowed struct {
	Organisations []Organisation `toml:"organisation"`
	Members       []Member       `toml:"member"`
}

// Organisation employs members. A role that it does not hold, none of its members holds.
type Organisation struct {
	SIRET string         `toml:"siret"`
	Name  string         `toml:"name"`
	Roles []protect.Role `toml:"roles"`
}

// Member is somebody of an organisation.
type Member struct {
	SIRET string         `toml:"siret"`
	Email string         `toml:"email"` // one of the two, or both: then both must be right
	UID   string         `toml:"uid"`
	Roles []protect.Role `toml:"roles"`
}

// StaffRoles are the roles that staff may have.
var StaffRoles = []protect.Role{protect.Protection, protect.Support, protect.Publishing, protect.SecurityStaff}

// CodeStaff refuses somebody who works somewhere and is not on the list.
const CodeStaff = "login.staff"

// Validate reports every fault of a list.
func (a Allowed) Validate() error {
	var faults []error
	fault := func(format string, v ...any) { faults = append(faults, fmt.Errorf("staff."+format, v...)) }
	roles := func(where string, list, among []protect.Role) {
		if len(list) == 0 {
			fault("%s: no role", where)
		}
		for i, r := range list {
			if !slices.Contains(among, r) {
				fault("%s: role %q is not one of %v", where, r, among)
			}
			if slices.Contains(list[:i], r) {
				fault("%s: role %q is there twice", where, r)
			}
		}
	}
	seen := map[string]Organisation{}
	for i, o := range a.Organisations {
		where := fmt.Sprintf("organisation %d", i+1)
		if !isSIRET(o.SIRET) {
			fault("%s: %q is not a SIRET of 14 digits", where, o.SIRET)
		}
		if !isName(o.Name) {
			fault("%s: no name", where)
		}
		if _, twice := seen[o.SIRET]; twice {
			fault("%s: %s is there twice", where, o.SIRET)
		}
		roles(where, o.Roles, StaffRoles)
		seen[o.SIRET] = o
	}
	for i, m := range a.Members {
		where := fmt.Sprintf("member %d", i+1)
		o, ok := seen[m.SIRET]
		if !ok {
			fault("%s: no organisation %q", where, m.SIRET)
		}
		if m.Email == "" && m.UID == "" {
			fault("%s: neither email nor uid", where)
		}
		for _, other := range a.Members[:i] {
			if other.SIRET == m.SIRET && (m.Email != "" && sameMail(other.Email, m.Email) || m.UID != "" && other.UID == m.UID) {
				fault("%s: there twice", where)
			}
		}
		if ok {
			roles(where, m.Roles, o.Roles)
		}
	}
	return errors.Join(faults...)
}

// Roles are what somebody whom a provider vouched for may be here, in the order of the list, with
// the organisation. CodeOrganisation and CodeStaff refuse who is not on it. With several roles, the
// person chooses one for the session: nobody has two at once.
func (a Allowed) Roles(s Staff) (Organisation, []protect.Role, error) {
	i := slices.IndexFunc(a.Organisations, func(o Organisation) bool { return o.SIRET == s.SIRET })
	if i < 0 || s.SIRET == "" {
		return Organisation{}, nil, refuse("Roles", carnet.Denied, CodeOrganisation, nil)
	}
	o := a.Organisations[i]
	for _, m := range a.Members {
		if m.SIRET != s.SIRET || m.Email == "" && m.UID == "" {
			continue
		}
		if (m.Email == "" || sameMail(m.Email, s.Email.Reveal())) && (m.UID == "" || m.UID == s.UID.Reveal()) {
			// Again what Validate checks: a list that was not validated gives nothing more either.
			list := slices.DeleteFunc(slices.Clone(m.Roles), func(r protect.Role) bool {
				return !slices.Contains(o.Roles, r) || !slices.Contains(StaffRoles, r)
			})
			if len(list) > 0 {
				return o, list, nil
			}
		}
	}
	return Organisation{}, nil, refuse("Roles", carnet.Denied, CodeStaff, nil)
}

// sameMail compares addresses as organisations write them: case does not count.
func sameMail(a, b string) bool { return a != "" && strings.EqualFold(a, b) }
