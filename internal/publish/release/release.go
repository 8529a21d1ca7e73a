// Package release is what a publication leaves and the portal opens: a folder with, for each dataset, one Parquet and one
// CSV file that are already protected, a description, and a signature (portal.md section 3).
//
//	releases/2021-04-25/release.json      what is in it, how it was made, the checksum of every file
//	releases/2021-04-25/release.json.sig  signature of release.json (ECDSA P-256 with SHA-256, ASN.1, base64)
//	releases/2021-04-25/<dataset>.parquet
//	releases/2021-04-25/<dataset>.csv
//
// A release is written under another name and renamed when it is whole; it is never written again. A correction is a
// release of its own, 2021-04-25.2. [Open] believes nothing that the signature does not cover.
package release

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"carnet/internal/carnet"
)

// Metadata describes a release.
type Metadata struct {
	ID        string    `json:"id"`
	Reference string    `json:"date_reference"`
	Created   time.Time `json:"created"`
	Previous  string    `json:"previous,omitempty"`
	Geography string    `json:"geography"`
	Secrecy   Secrecy   `json:"secrecy"`
	Sources   []string  `json:"sources"`
	Datasets  []Dataset `json:"datasets"`
}

// Secrecy is the parameters that the figures were protected with.
type Secrecy struct {
	Threshold int `json:"threshold"`
	Base      int `json:"base"`
	Extreme   int `json:"extreme_rates_below"`
	Least     int `json:"nothing_below"`
}

// Words is a text in French and in English.
type Words struct {
	FR string `json:"fr" toml:"fr"`
	EN string `json:"en" toml:"en"`
}

// In is the text in a language, French when there is none in it.
func (w Words) In(lang string) string {
	if lang == "en" && w.EN != "" {
		return w.EN
	}
	return w.FR
}

// Dataset describes one dataset of a release.
type Dataset struct {
	ID          string  `json:"id"`
	Title       Words   `json:"title"`
	Description Words   `json:"description"`
	Territory   string  `json:"territory"` // Département, Commune …; Pays for the country alone
	Fields      []Field `json:"fields"`
	Rows        int     `json:"rows"`
	Hidden      int     `json:"hidden_values"`
	Files       []File  `json:"files"`
}

// File is one file of a release.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

const (
	metadataFile  = "release.json"
	signatureFile = metadataFile + ".sig"
	maxMetadata   = 4 << 20
)

var (
	idForm   = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(\.[1-9]\d{0,3})?$`)
	nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,120}$`)
)

// List lists the releases of a folder, the newest first. What is not a release is left out.
func List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && idForm.MatchString(e.Name()) {
			out = append(out, e.Name())
		}
	}
	slices.SortFunc(out, func(a, b string) int { return compare(b, a) })
	return out, nil
}

func compare(a, b string) int {
	if d := strings.Compare(a[:10], b[:10]); d != 0 {
		return d
	}
	return number(a) - number(b)
}

func number(id string) int {
	if len(id) == 10 {
		return 1
	}
	n, _ := strconv.Atoi(id[11:]) // the form was checked
	return n
}

// NextID is the name of the next release of a day.
func NextID(dir string, day carnet.Date) (string, error) {
	list, err := List(dir)
	if err != nil {
		return "", err
	}
	id := day.String()
	for _, other := range list { // the newest first
		if strings.HasPrefix(other, id) {
			return id + "." + strconv.Itoa(number(other)+1), nil
		}
	}
	return id, nil
}

// Part is a dataset to write.
type Part struct {
	Dataset
	Frame *Frame
}

// Write writes a release and signs it. Progress is called with the name of each file before it is written.
func Write(dir string, m Metadata, parts []Part, key crypto.Signer, rand io.Reader, progress func(file string)) (err error) {
	if !idForm.MatchString(m.ID) {
		return carnet.E("release.Write", carnet.Internal, "release.id", nil)
	}
	final := filepath.Join(dir, m.ID)
	if _, err := os.Stat(final); err == nil {
		return carnet.E("release.Write", carnet.Conflict, "release.exists", fmt.Errorf("%s is there: a release is never written again", m.ID))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(dir, ".writing-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(work))
		}
	}()
	for _, p := range parts {
		if !nameForm.MatchString(p.ID) {
			return carnet.E("release.Write", carnet.Internal, "release.dataset", fmt.Errorf("%q", p.ID))
		}
		d := p.Dataset
		d.Rows, d.Fields, d.Files = p.Frame.Rows, nil, nil
		for _, c := range p.Frame.Columns {
			d.Fields = append(d.Fields, c.Field)
		}
		for _, f := range []struct {
			name  string
			write func(io.Writer) error
		}{
			{p.ID + ".parquet", func(w io.Writer) error {
				return WriteParquet(w, p.Frame.Columns, p.Frame.All(), &parquet.Zstd)
			}},
			{p.ID + ".csv", func(w io.Writer) error { return CSV{}.Write(w, p.Frame.Visible(), p.Frame.All()) }},
		} {
			if progress != nil {
				progress(f.name)
			}
			file, err := writeFile(filepath.Join(work, f.name), f.write)
			if err != nil {
				return err
			}
			d.Files = append(d.Files, file)
		}
		m.Datasets = append(m.Datasets, d)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	digest := sha256.Sum256(text)
	signature, err := key.Sign(rand, digest[:], crypto.SHA256)
	if err != nil {
		return carnet.E("release.Write", carnet.Unavailable, "release.key", err)
	}
	for name, content := range map[string][]byte{metadataFile: text, signatureFile: []byte(base64.StdEncoding.EncodeToString(signature) + "\n")} {
		if _, err := writeFile(filepath.Join(work, name), func(w io.Writer) error { _, err := w.Write(content); return err }); err != nil {
			return err
		}
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}
	if err := os.Rename(work, final); err != nil {
		return err
	}
	return syncDir(dir)
}

// writeFile writes a file that nobody may change, and waits until it is on the disk.
func writeFile(path string, write func(io.Writer) error) (_ File, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return File{}, err
	}
	h := sha256.New()
	n := &counter{}
	err = write(io.MultiWriter(f, h, n))
	err = errors.Join(err, f.Sync(), f.Close())
	return File{Name: filepath.Base(path), Size: n.n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Release is a release that was verified, in memory.
type Release struct {
	Metadata
	Dir    string
	Frames map[string]*Frame // by dataset
}

// Open verifies a release with the key of the publisher and loads it.
func Open(dir, id string, key *ecdsa.PublicKey) (*Release, error) {
	if !idForm.MatchString(id) {
		return nil, carnet.E("release.Open", carnet.NotFound, "release.id", nil)
	}
	r := &Release{Dir: filepath.Join(dir, id), Frames: map[string]*Frame{}}
	bad := func(code string, err error) error { return carnet.E("release.Open", carnet.Invalid, code, err) }
	text, err := readLimited(filepath.Join(r.Dir, metadataFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, carnet.E("release.Open", carnet.NotFound, "release.id", err)
	}
	if err != nil {
		return nil, bad("release.metadata", err)
	}
	encoded, err := readLimited(filepath.Join(r.Dir, signatureFile))
	if err != nil {
		return nil, bad("release.signature", err)
	}
	signature, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(encoded)))
	digest := sha256.Sum256(text)
	if err != nil || !ecdsa.VerifyASN1(key, digest[:], signature) {
		return nil, bad("release.signature", err)
	}
	if err := json.Unmarshal(text, &r.Metadata); err != nil {
		return nil, bad("release.metadata", err)
	}
	if r.ID != id {
		return nil, bad("release.metadata", fmt.Errorf("it says that it is %s", r.ID))
	}
	for _, d := range r.Datasets {
		for _, f := range d.Files {
			if f.Name != filepath.Base(f.Name) {
				return nil, bad("release.file", fmt.Errorf("%q", f.Name))
			}
			frame, err := r.check(d, f)
			if err != nil {
				return nil, bad("release.file", fmt.Errorf("%s: %w", f.Name, err))
			}
			if frame != nil {
				r.Frames[d.ID] = frame
			}
		}
		if r.Frames[d.ID] == nil {
			return nil, bad("release.file", fmt.Errorf("%s has no Parquet file", d.ID))
		}
	}
	return r, nil
}

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxMetadata+1))
	if err == nil && len(text) > maxMetadata {
		err = fmt.Errorf("%s has more than %d bytes", filepath.Base(path), maxMetadata)
	}
	return text, errors.Join(err, f.Close())
}

// check compares a file with its checksum, and loads it when it is the Parquet one.
func (r *Release) check(d Dataset, f File) (_ *Frame, err error) {
	file, err := os.Open(filepath.Join(r.Dir, f.Name))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(file, f.Size+1))
	if err != nil {
		return nil, err
	}
	if n != f.Size || hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return nil, errors.New("the file is not the one that was signed")
	}
	if filepath.Ext(f.Name) != ".parquet" {
		return nil, nil
	}
	return readParquet(file, f.Size, d.Fields)
}

// PublicKeyFile reads the key of the publisher (PEM, P-256).
func PublicKeyFile(path string) (*ecdsa.PublicKey, error) {
	text, err := readLimited(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, carnet.E("release.PublicKeyFile", carnet.Invalid, "release.key", fmt.Errorf("%s is not a public key (PEM)", path))
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok {
		return nil, carnet.E("release.PublicKeyFile", carnet.Invalid, "release.key", err)
	}
	return key, nil
}
