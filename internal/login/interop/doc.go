// Package interop holds the tests of internal/login with providers that others wrote: npm
// oidc-provider set up as FranceConnect, FranceConnect+, Pro Santé Connect and ProConnect. scripts/test installs
// them and sets CARNET_PEERS.
//
// Specification: identity sections 10.1 to 10.3, runs A and D.
package interop
