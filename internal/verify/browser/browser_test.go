package browser

import (
	"os"
	"os/exec"
	"testing"
)

// The module in the repository is made of the source in the repository, byte for byte.
func TestEngineIsReproducible(t *testing.T) {
	if out, err := exec.CommandContext(t.Context(), "go", "run", "./build", "-check").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// What a phone has to download stays under 3 MB.
func TestEngineIsSmall(t *testing.T) {
	info, err := os.Stat("static/engine.wasm.gz")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	if info.Size() >= 3_000_000 {
		t.Errorf("%d bytes", info.Size())
	}
}
