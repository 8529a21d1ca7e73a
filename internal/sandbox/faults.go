package sandbox

import (
	"net/http"
	"slices"

	"carnet/internal/site/ui"
)

// coded is an error that an issuer shows under a public code (specification, section 2.4). With an
// OAuth error it offers a way back to the site, which then learns that error; without one it is not
// sure whom it could send the browser back to, or the fault is between providers.
type coded struct {
	code        string
	status      int
	error       string
	description string
}

// federationFaults are the codes of a federator, in the order of the page that lists them. The four
// that the guard shows for a request it does not trust are in the shape.
var federationFaults = []coded{
	{"Y030030", http.StatusSeeOther, "access_denied", "User auth aborted"},
	{"Y030032", http.StatusSeeOther, "invalid_idp_hint", "an idp_hint was provided but is not allowed"},
	{"Y020021", http.StatusBadRequest, "invalid_request", "the identity provider returned without state"},
	{"Y020022", http.StatusForbidden, "invalid_request", "the identity provider returned with another state"},
	{"Y020023", http.StatusForbidden, "access_denied", "the identity provider is not allowed for this service"},
	{"Y020026", http.StatusBadGateway, "server_error", "the token of the identity provider cannot be had"},
	{"Y020027", http.StatusBadGateway, "server_error", "the user information of the identity provider cannot be had"},
	{"Y100001", http.StatusInternalServerError, "", ""},
	{"Y100018", http.StatusBadRequest, "", ""},
	{"Y600006", http.StatusBadRequest, "server_error", "the identity of the identity provider is invalid"},
	{"Y010004", http.StatusForbidden, "access_denied", aborted},
	{"Y010006", http.StatusForbidden, "access_denied", aborted},
	{"Y010007", http.StatusForbidden, "access_denied", aborted},
	{"Y010008", http.StatusForbidden, "access_denied", aborted},
	{"Y010015", http.StatusForbidden, "access_denied", aborted},
	{"Y010009", http.StatusForbidden, "access_denied", aborted},
	{"Y010013", http.StatusBadRequest, "server_error", "the civil registry answered with a bad status"},
	{"Y010011", http.StatusGatewayTimeout, "temporarily_unavailable", "the civil registry took too long"},
	{"Y010012", http.StatusGatewayTimeout, "temporarily_unavailable", "the civil registry cannot be reached"},
	{"Y190001", http.StatusUnauthorized, "access_denied", "the session is absent"},
	{"Y420001", http.StatusBadRequest, "access_denied", "the steps are out of order"},
	{"Y470001", http.StatusUnauthorized, "server_error", "the anti-forgery token does not fit"},
	{"Y600020", http.StatusBadRequest, "access_denied", "the mandate does not cover this service"},
}

const aborted = "user authentication aborted"

func codedOf(code string) coded {
	n := slices.IndexFunc(federationFaults, func(c coded) bool { return c.code == code })
	if n < 0 {
		return coded{code: code, status: http.StatusInternalServerError}
	}
	return federationFaults[n]
}

// codeLine is a line of the page that lists the codes.
type codeLine struct {
	Code, Error, Words string
	Status             int
}

type codesView struct {
	ui.Page
	Codes []codeLine
}

// codesPage lists the codes that this issuer can show. Error answers for programs point at it.
func (i *Issuer) codesPage(w http.ResponseWriter, r *http.Request) {
	v := codesView{Page: i.kit.Page(r, "codes.title")}
	seen := []string{}
	for _, fault := range []string{faultParameter, faultClient, faultRedirect, faultSector, faultSeveral, faultSession, faultHint, faultSignedOut, faultAddress, faultPrivate, faultProvider} {
		code := i.shape.codes[fault]
		if code == "" || slices.Contains(seen, code) || i.shape.federates && code == "Y190001" {
			continue
		}
		seen = append(seen, code)
		v.Codes = append(v.Codes, codeLine{Code: code, Status: faultStatus(fault), Words: v.T("fault." + fault)})
	}
	if i.shape.federates {
		for _, c := range federationFaults {
			v.Codes = append(v.Codes, codeLine{c.code, c.error, v.T("code." + c.code), c.status})
		}
	}
	i.kit.Render(w, r, http.StatusOK, "codes", &v)
}
