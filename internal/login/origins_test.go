package login

import (
	"slices"
	"testing"
)

func TestOrigins(t *testing.T) {
	p := Profile{Issuer: "https://auth.example/realms/x", DiscoveryURL: "http://localhost:8412/.well-known/y", Hosts: []string{"wallet.example", "auth.example", "localhost:8412"}}
	if got, want := p.Origins(), []string{"https://auth.example", "http://localhost:8412", "https://wallet.example"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := (Profile{}).Origins(); got != nil {
		t.Errorf("an empty profile leads to %v", got)
	}
}
