package sqlite

import (
	"path/filepath"
	"testing"

	"carnet/internal/login"
	"carnet/internal/login/logintest"
)

func TestLogin(t *testing.T) {
	logintest.TestStore(t, func(t *testing.T) login.Store {
		return open(t, filepath.Join(t.TempDir(), "carnet.db"), rooms...).Login()
	})
}
