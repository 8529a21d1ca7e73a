package release

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"carnet/internal/carnet"
)

// ordered is a schema whose columns keep the order of the fields; the library sorts them by name.
type ordered struct {
	parquet.Group
	fields []parquet.Field
}

func (o ordered) Fields() []parquet.Field { return o.fields }

func schema(fields []Field) *parquet.Schema {
	group := parquet.Group{}
	for _, f := range fields {
		var n parquet.Node
		switch f.Type {
		case Int:
			n = parquet.Int(32)
		case Double:
			n = parquet.Leaf(parquet.DoubleType)
		case Date:
			n = parquet.Date()
		default:
			n = parquet.String()
		}
		if f.Type != Double {
			n = parquet.Encoded(n, &parquet.RLEDictionary)
		}
		group[f.Name] = parquet.Optional(n)
	}
	o := ordered{Group: group}
	byName := group.Fields()
	for _, f := range fields {
		o.fields = append(o.fields, byName[slices.IndexFunc(byName, func(x parquet.Field) bool { return x.Name() == f.Name })])
	}
	return parquet.NewSchema("release", o)
}

// WriteParquet writes rows of some columns. Rows yields row numbers in the order in which they are written.
func WriteParquet(w io.Writer, columns []*Column, rows func(yield func(int) bool), codec compress.Codec) error {
	fields := make([]Field, len(columns))
	for i, c := range columns {
		fields[i] = c.Field
	}
	out := parquet.NewGenericWriter[any](w, schema(fields), parquet.Compression(codec), parquet.MaxRowsPerRowGroup(1<<17), parquet.CreatedBy("carnet", "1", ""))
	days := make([][]int32, len(columns))
	for i, c := range columns {
		if c.Type == Date {
			for _, v := range c.Dict {
				d, err := carnet.ParseDate(v)
				if err != nil {
					return fmt.Errorf("release: column %s: %w", c.Name, err)
				}
				days[i] = append(days[i], int32(d.Days()))
			}
		}
	}
	batch := make([]parquet.Row, 0, 512)
	flush := func() error {
		_, err := out.WriteRows(batch)
		batch = batch[:0]
		return err
	}
	for row := range rows {
		values := make(parquet.Row, len(columns))
		for i, c := range columns {
			if c.Null(row) {
				values[i] = parquet.NullValue().Level(0, 0, i)
				continue
			}
			var v parquet.Value
			switch c.Type {
			case Int:
				v = parquet.Int32Value(c.Ints[row])
			case Double:
				v = parquet.DoubleValue(c.Floats[row])
			case Date:
				v = parquet.Int32Value(days[i][c.Codes[row]])
			default:
				v = parquet.ByteArrayValue([]byte(c.Dict[c.Codes[row]]))
			}
			values[i] = v.Level(0, 1, i)
		}
		if batch = append(batch, values); len(batch) == cap(batch) {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return errors.Join(flush(), out.Close())
}

const maxRows = 1 << 26

// readParquet reads the file of a dataset that was written for these fields.
func readParquet(in io.ReaderAt, size int64, fields []Field) (*Frame, error) {
	bad := func(err error) error { return carnet.E("release.Open", carnet.Invalid, "release.parquet", err) }
	p, err := parquet.OpenFile(in, size, parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, bad(err)
	}
	if p.NumRows() > maxRows {
		return nil, bad(fmt.Errorf("%d rows", p.NumRows()))
	}
	out := &Frame{Rows: int(p.NumRows())}
	for _, f := range fields {
		c := &Column{Field: f}
		known := map[string]uint32{}
		leaf, ok := p.Schema().Lookup(f.Name)
		if !ok {
			return nil, bad(fmt.Errorf("no column %s", f.Name))
		}
		for _, group := range p.RowGroups() {
			pages := group.ColumnChunks()[leaf.ColumnIndex].Pages()
			err := readPages(pages, c, known)
			if err = errors.Join(err, pages.Close()); err != nil {
				return nil, bad(fmt.Errorf("column %s: %w", f.Name, err))
			}
		}
		if max(len(c.Codes), len(c.Ints), len(c.Floats)) != out.Rows {
			return nil, bad(fmt.Errorf("column %s has another number of values than there are rows", f.Name))
		}
		c.Codes, c.Ints, c.Floats = slices.Clip(c.Codes), slices.Clip(c.Ints), slices.Clip(c.Floats)
		sortDictionary(c)
		out.Columns = append(out.Columns, c)
	}
	return out, nil
}

func readPages(pages parquet.Pages, c *Column, known map[string]uint32) error {
	var buffer [1024]parquet.Value
	text := make(map[int32]string)
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		values := page.Values()
		for {
			n, err := values.ReadValues(buffer[:])
			for _, v := range buffer[:n] {
				switch {
				case c.Type == Int && v.IsNull():
					c.Ints = append(c.Ints, NullInt)
				case c.Type == Int:
					c.Ints = append(c.Ints, v.Int32())
				case c.Type == Double && v.IsNull():
					c.Floats = append(c.Floats, math.NaN())
				case c.Type == Double:
					c.Floats = append(c.Floats, v.Double())
				case v.IsNull():
					c.Codes = append(c.Codes, NullCode)
				default:
					s := ""
					if c.Type == Date {
						var ok bool
						if s, ok = text[v.Int32()]; !ok {
							s = carnet.DateOfDays(int(v.Int32())).String()
							text[v.Int32()] = s
						}
					} else {
						s = string(v.ByteArray())
					}
					code, ok := known[s]
					if !ok {
						code = uint32(len(c.Dict))
						c.Dict = append(c.Dict, s)
						known[s] = code
					}
					c.Codes = append(c.Codes, code)
				}
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
		}
		parquet.Release(page)
	}
}
