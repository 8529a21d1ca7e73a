package publish_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"carnet/internal/publish"
)

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte(fewDoses))
	f.Add([]byte("\ufeffrank\tday\n1\t2021-01-04\n"))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_ = publish.ReadCSV(context.Background(), bytes.NewReader(text), []string{"rank", "day"}, func(b publish.Batch) error {
			for _, c := range b.Columns {
				for _, code := range c.Codes {
					_ = c.Values[code]
				}
			}
			return nil
		})
	})
}

// FuzzParquet changes bytes of a file of doses: it is read or refused.
func FuzzParquet(f *testing.F) {
	type row struct {
		Rank int32  `parquet:"rank"`
		Day  int32  `parquet:"day,date"`
		Dep  string `parquet:"dep,dict,optional"`
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, []row{{1, 18631, "01"}, {2, 18632, "2A"}, {1, 18700, ""}}); err != nil {
		f.Fatal(err)
	}
	good := b.Bytes()
	f.Add(good)
	for _, at := range []int{8, 20, 40, len(good) / 2, len(good) - 12} {
		bad := bytes.Clone(good)
		bad[at] ^= 0x41
		f.Add(bad)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, file []byte) {
		path := filepath.Join(dir, "doses.parquet")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		doses, err := publish.OpenFile(path)
		if err != nil {
			return
		}
		defer doses.Close()
		parts, err := doses.Parts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = publish.Build(t.Context(), parts, []publish.Dimension{publish.ByDay, publish.ByRank, publish.ByDepartment}, 1, nil)
	})
}

func FuzzReadPopulation(f *testing.F) {
	f.Add("dep;classe_age;population\n01;TOUT_AGE;12\n")
	f.Fuzz(func(t *testing.T, text string) { _, _ = publish.ReadPopulation(strings.NewReader(text)) })
}
