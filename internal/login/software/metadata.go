package software

// Metadata is what clients read before they begin.
type Metadata struct {
	Issuer        string   `json:"issuer"`
	TokenEndpoint string   `json:"token_endpoint"`
	Methods       []string `json:"token_endpoint_auth_methods_supported"`
	Algorithms    []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	Grants        []string `json:"grant_types_supported"`
	Responses     []string `json:"response_types_supported"`
	Scopes        []string `json:"scopes_supported"`
	Proofs        []string `json:"dpop_signing_alg_values_supported"`
	Certificates  bool     `json:"tls_client_certificate_bound_access_tokens"`
	Documentation string   `json:"service_documentation"`
	Capabilities  []string `json:"capabilities,omitempty"` // of SMART
}

// Metadata describes the server: RFC 8414, with the members of RFC 8705 and RFC 9449. certificates
// says that the server's own connections ask for one of the client. documentation is a page.
func (s *Service) Metadata(certificates bool, documentation string) Metadata {
	m := Metadata{Issuer: s.Issuer, TokenEndpoint: s.Issuer + TokenPath, Methods: []string{"private_key_jwt"}, Grants: []string{"client_credentials"},
		Responses: []string{}, Scopes: AllScopes, Certificates: certificates, Documentation: documentation}
	for _, a := range Algorithms {
		m.Algorithms = append(m.Algorithms, string(a))
	}
	m.Proofs = m.Algorithms
	return m
}

// SMART is the same with what SMART App Launch 2.2.0 section 2 asks in addition.
func (m Metadata) SMART() Metadata {
	m.Capabilities = []string{"client-confidential-asymmetric", "permission-v2"}
	return m
}
