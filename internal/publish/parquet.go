package publish

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"carnet/internal/carnet"
)

// File is doses in a Parquet or CSV file. It implements Doses; a part is a row group of a Parquet file, or a whole CSV
// file. Close it when the publication is done.
type File struct {
	columns []string
	parts   []Part
	close   func() error
}

// Columns implements Doses.
func (f *File) Columns() []string { return f.columns }

// Parts implements Doses.
func (f *File) Parts(context.Context) ([]Part, error) { return f.parts, nil }

// Close closes the file.
func (f *File) Close() error { return f.close() }

// OpenFile opens individual doses: *.parquet, *.csv or *.csv.gz with the columns of this package. The file is the
// operator's own: a damaged one is an error of kind Invalid, but the Parquet library may first allocate what a damaged
// page says that it holds.
func OpenFile(path string) (*File, error) {
	if filepath.Ext(path) == ".parquet" {
		return openParquet(path)
	}
	return openCSV(path)
}

// identity names a file by what is in it: the same name with other content is another file.
func identity(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)[:8]), errors.Join(err, f.Close())
}

const maxFooter = 64 << 20

func openParquet(path string) (_ *File, err error) {
	id, err := identity(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	// The length of the footer is at the end; the library allocates what it says.
	var tail [8]byte
	if _, err := f.ReadAt(tail[:], max(0, info.Size()-8)); err != nil || int64(binary.LittleEndian.Uint32(tail[:])) > min(maxFooter, info.Size()-8) {
		return nil, carnet.E("publish.OpenFile", carnet.Invalid, "publish.parquet", errors.New("no footer"))
	}
	out := &File{close: f.Close}
	var p *parquet.File
	err = guarded(func() (err error) {
		if p, err = parquet.OpenFile(f, info.Size(), parquet.SkipBloomFilters(true)); err != nil {
			return carnet.E("publish.OpenFile", carnet.Invalid, "publish.parquet", err)
		}
		for _, c := range p.Schema().Columns() {
			out.columns = append(out.columns, c[0])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, group := range p.RowGroups() {
		out.parts = append(out.parts, Part{Name: id + "/" + strconv.Itoa(i), Rows: group.NumRows(), Read: func(ctx context.Context, columns []string, f func(Batch) error) error {
			var b Batch
			if err := guarded(func() (err error) { b, err = readGroup(ctx, p.Schema(), group, columns); return err }); err != nil {
				return err
			}
			return f(b)
		}})
	}
	return out, nil
}

func missing(column string) error {
	return &carnet.Error{Op: "publish.Read", Kind: carnet.Invalid, Code: "publish.column", Field: column}
}

// guarded makes an error of a panic: the library trusts what a damaged file says of itself, which fuzzing shows.
func guarded(read func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = carnet.E("publish.Read", carnet.Invalid, "publish.parquet", fmt.Errorf("a damaged file: %v", p))
		}
	}()
	return read()
}

// readGroup reads the columns of one row group whole: DuckDB writes 122,880 rows in each.
func readGroup(ctx context.Context, schema *parquet.Schema, group parquet.RowGroup, columns []string) (Batch, error) {
	if err := ctx.Err(); err != nil {
		return Batch{}, err
	}
	if group.NumRows() < 0 || group.NumRows() > 1<<24 {
		return Batch{}, carnet.E("publish.Read", carnet.Invalid, "publish.parquet", fmt.Errorf("a row group of %d rows", group.NumRows()))
	}
	out := Batch{Columns: make([]Column, len(columns))}
	for i, name := range columns {
		if j := slices.Index(columns[:i], name); j >= 0 {
			out.Columns[i] = out.Columns[j]
			continue
		}
		leaf, ok := schema.Lookup(name)
		if !ok {
			return out, missing(name)
		}
		col, err := readColumn(group.ColumnChunks()[leaf.ColumnIndex], int(group.NumRows()))
		if err != nil {
			return out, fmt.Errorf("column %s: %w", name, err)
		}
		out.Columns[i] = col
	}
	return out, nil
}

func readColumn(chunk parquet.ColumnChunk, rows int) (Column, error) {
	text := textOf(chunk.Type())
	out := Column{Codes: make([]int32, 0, rows)}
	known := map[string]int32{}
	code := func(v parquet.Value) int32 {
		s := ""
		if !v.IsNull() {
			s = text(v)
		}
		n, ok := known[s]
		if !ok {
			n = int32(len(out.Values))
			known[s] = n
			out.Values = append(out.Values, s)
		}
		return n
	}
	pages := chunk.Pages()
	defer pages.Close()
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, carnet.E("publish.Read", carnet.Invalid, "publish.parquet", err)
		}
		if int64(len(out.Codes))+page.NumValues() > int64(rows) {
			return out, carnet.E("publish.Read", carnet.Invalid, "publish.parquet", errors.New("more values than rows"))
		}
		if dict := page.Dictionary(); dict != nil && page.NumNulls() == 0 {
			table := make([]int32, dict.Len())
			for i := range table {
				table[i] = code(dict.Index(int32(i)))
			}
			data := page.Data()
			for _, index := range data.Int32() {
				if uint(index) >= uint(len(table)) {
					return out, carnet.E("publish.Read", carnet.Invalid, "publish.parquet", errors.New("an index beyond the dictionary"))
				}
				out.Codes = append(out.Codes, table[index])
			}
		} else {
			values := page.Values()
			var buffer [1024]parquet.Value
			for {
				n, err := values.ReadValues(buffer[:])
				for _, v := range buffer[:n] {
					out.Codes = append(out.Codes, code(v))
				}
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					return out, carnet.E("publish.Read", carnet.Invalid, "publish.parquet", err)
				}
			}
		}
		parquet.Release(page)
	}
	if len(out.Codes) != rows {
		return out, carnet.E("publish.Read", carnet.Invalid, "publish.parquet", fmt.Errorf("%d values in %d rows", len(out.Codes), rows))
	}
	return out, nil
}

// textOf writes values of a column as the text that a dose has.
func textOf(t parquet.Type) func(parquet.Value) string {
	if l := t.LogicalType(); l != nil && l.String() == "DATE" {
		return func(v parquet.Value) string { return carnet.DateOfDays(int(v.Int32())).String() }
	}
	return func(v parquet.Value) string { return v.String() }
}
