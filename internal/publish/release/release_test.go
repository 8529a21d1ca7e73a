package release_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"carnet/internal/carnet"
	"carnet/internal/publish/release"
)

func chance() *rand.ChaCha8 { return rand.NewChaCha8([32]byte{7}) }

var fields = []release.Field{
	{Name: "semaine", Label: "Semaine", Type: release.Text}, {Name: "effectif", Label: "Effectif", Type: release.Int},
	{Name: "taux", Label: "TAUX", Type: release.Double}, {Name: "date", Label: "date", Type: release.Date}, {Name: "niveau", Label: "niveau", Type: release.Text, Hidden: true},
}

func small() *release.Frame {
	b := release.NewBuilder(fields)
	b.Text("2021-W02").Int(20).Double(0.05).Text("2021-01-17").Text("total")
	b.Text("2021-W01").Int(release.NullInt).Double(math.NaN()).Text("2021-01-10").Text("age")
	b.Text("a;\"b\"").Int(0).Double(1).Text("").Text("")
	return b.Frame()
}

const smallCSV = "semaine;effectif;taux;date\r\n2021-W02;20;0.05;2021-01-17\r\n2021-W01;;;2021-01-10\r\n\"a;\"\"b\"\"\";0;1.0;\r\n"

func write(t testing.TB) (dir string, key *ecdsa.PublicKey) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), chance())
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	m := release.Metadata{ID: "2021-01-24", Reference: "2021-01-24", Created: time.Date(2021, 1, 24, 8, 0, 0, 0, time.UTC)}
	if err := release.Write(dir, m, []release.Part{{Dataset: release.Dataset{ID: "essai"}, Frame: small()}}, private, chance(), nil); err != nil {
		t.Fatal(err)
	}
	if err := release.Write(dir, m, []release.Part{{Dataset: release.Dataset{ID: "essai"}, Frame: small()}}, private, chance(), nil); carnet.CodeOf(err) != "release.exists" {
		t.Errorf("a release is written again: %v", err)
	}
	return dir, &private.PublicKey
}

func TestRelease(t *testing.T) {
	dir, key := write(t)
	r, err := release.Open(dir, "2021-01-24", key)
	if err != nil {
		t.Fatal(err)
	}
	f := r.Frames["essai"]
	var b bytes.Buffer
	if err := (release.CSV{}).Write(&b, f.Visible(), f.All()); err != nil || b.String() != smallCSV {
		t.Errorf("read back: %q, %v", b.String(), err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "2021-01-24", "essai.csv")); err != nil || string(text) != smallCSV {
		t.Errorf("the file: %q, %v", text, err)
	}
	for i, c := range f.Columns {
		if c.Field != fields[i] {
			t.Errorf("field %d is %+v", i, c.Field)
		}
	}
	parquetFile, err := os.Open(filepath.Join(dir, "2021-01-24", "essai.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	defer parquetFile.Close()
	info, err := parquetFile.Stat()
	if err != nil {
		t.Fatal(err)
	}
	p, err := parquet.OpenFile(parquetFile, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range p.Schema().Columns() {
		if c[0] != fields[i].Name {
			t.Errorf("column %d of the Parquet file is %s", i, c[0])
		}
	}
	next, err := release.NextID(dir, carnet.Date{Year: 2021, Month: 1, Day: 24})
	if err != nil || next != "2021-01-24.2" {
		t.Errorf("%s, %v", next, err)
	}
}

// TestTampered: whatever is changed, the release is refused.
func TestTampered(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, dir string){
		"figures": func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, "essai.csv"), func(b []byte) []byte { return bytes.Replace(b, []byte("20;"), []byte("30;"), 1) })
		},
		"description": func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, "release.json"), func(b []byte) []byte { return bytes.Replace(b, []byte("essai"), []byte("esbai"), 1) })
		},
		"signature": func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, "release.json.sig"), func(b []byte) []byte { return []byte("MEUCIQ==\n") })
		},
		"missing": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "essai.parquet")); err != nil {
				t.Fatal(err)
			}
		},
		"longer": func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, "essai.parquet"), func(b []byte) []byte { return append(b, 0) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, key := write(t)
			change(t, filepath.Join(dir, "2021-01-24"))
			if _, err := release.Open(dir, "2021-01-24", key); carnet.KindOf(err) != carnet.Invalid {
				t.Errorf("it is opened: %v", err)
			}
		})
	}
	dir, _ := write(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := release.Open(dir, "2021-01-24", &other.PublicKey); carnet.CodeOf(err) != "release.signature" {
		t.Errorf("another key: %v", err)
	}
	for _, id := range []string{"../2021-01-24", "2021-01-25", "", "2021-01-24.0"} {
		if _, err := release.Open(dir, id, &other.PublicKey); carnet.KindOf(err) != carnet.NotFound {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func edit(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil { // its mode forbids writing
		t.Fatal(err)
	}
	if err := os.WriteFile(path, f(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAmeli reads the real file of the Cnam and writes it back: the same bytes, its cut last line aside.
func TestAmeli(t *testing.T) {
	dir, asked := os.LookupEnv("CARNET_DATA_PORTAL")
	if !asked {
		dir = filepath.Join("..", "..", "..", "..", "shared", "data", "portal")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "ameli", "*.csv.gz"))
	if err != nil || len(paths) == 0 {
		if asked {
			t.Fatalf("%v, %v", paths, err)
		}
		t.Log("no published tables here: TestRelease covers the same ground")
		return
	}
	f, err := os.Open(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	whole = whole[:bytes.LastIndexByte(whole, '\n')+1]
	lines := strings.Split(strings.TrimSuffix(string(whole), "\r\n"), "\r\n")
	var fields []release.Field
	for _, label := range strings.Split(lines[0], ";") {
		f := release.Field{Name: strings.ToLower(label), Label: label, Type: release.Text}
		switch {
		case strings.HasPrefix(label, "effectif"), label == "population_insee":
			f.Type = release.Int
		case strings.HasPrefix(label, "taux"):
			f.Type = release.Double
		case strings.HasPrefix(label, "date"):
			f.Type = release.Date
		}
		fields = append(fields, f)
	}
	b := release.NewBuilder(fields)
	for _, line := range lines[1:] {
		for i, v := range strings.Split(line, ";") {
			switch {
			case fields[i].Type == release.Int && v == "":
				b.Int(release.NullInt)
			case fields[i].Type == release.Int:
				n, err := strconv.Atoi(v)
				if err != nil {
					t.Fatal(err)
				}
				b.Int(int32(n))
			case fields[i].Type == release.Double && v == "":
				b.Double(math.NaN())
			case fields[i].Type == release.Double:
				n, err := strconv.ParseFloat(v, 64)
				if err != nil {
					t.Fatal(err)
				}
				b.Double(n)
			default:
				b.Text(v)
			}
		}
	}
	frame := b.Frame()
	var out bytes.Buffer
	if err := (release.CSV{Labels: true}).Write(&out, frame.Columns, frame.All()); err != nil {
		t.Fatal(err)
	}
	if frame.Rows != 22_385 || !bytes.Equal(out.Bytes(), whole) {
		t.Errorf("%d rows, %d bytes of %d", frame.Rows, out.Len(), len(whole))
	}
}

func BenchmarkCSV(b *testing.B) {
	builder := release.NewBuilder(fields)
	for i := range 100_000 {
		builder.Text("2021-W" + strconv.Itoa(i%52)).Int(int32(i)).Double(float64(i%1000) / 1000).Text("2021-01-17").Text("total")
	}
	f := builder.Frame()
	var n int64
	for b.Loop() {
		c := &count{}
		if err := (release.CSV{}).Write(c, f.Visible(), f.All()); err != nil {
			b.Fatal(err)
		}
		n = c.n
	}
	b.SetBytes(n)
}

type count struct{ n int64 }

func (c *count) Write(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }
