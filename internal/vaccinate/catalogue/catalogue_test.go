package catalogue

import "testing"

func TestEmbedded(t *testing.T) {
	c, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d vaccines, %d diseases, %d rules", c.Version(), len(c.vaccines), len(c.diseases), len(c.rules))
}
