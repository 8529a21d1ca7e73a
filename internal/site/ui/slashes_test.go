package ui

import "testing"

func TestSlashes(t *testing.T) {
	for in, want := range map[string]string{
		"Comirnaty (Pfizer/BioNTech)": "Comirnaty (Pfizer/<wbr>BioNTech)", "10/05/2021": "10/05/2021", "a/1 1/a /a a/": "a/1 1/a /a a/",
		"<b>/<i>": "&lt;b&gt;/&lt;i&gt;", "x/y<script>": "x/<wbr>y&lt;script&gt;", "": "",
	} {
		if got := string(slashes(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
