package logintest

import (
	"testing"

	"carnet/internal/login"
)

func TestMemory(t *testing.T) {
	TestStore(t, func(*testing.T) login.Store { return NewMemory() })
}
