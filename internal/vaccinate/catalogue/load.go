package catalogue

import (
	"crypto"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// maxPacks is how many packs a folder may hold.
const maxPacks = 100

// Open reads the packs that the program carries and those of a folder (*.toml), each with its
// signature beside it by one of the keys. One that is not signed, or not right, stops it all: a
// vaccination centre must not run with other rules than its operator thinks. Of packs of one name
// the newest counts; [Catalogue.Older] lists the others.
func Open(folder fs.FS, keys []crypto.PublicKey) (*Catalogue, error) {
	list, err := carried()
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	for _, entry := range entries {
		if entry.IsDir() || !strings.HasSuffix(entry.Name(), ".toml") {
			continue
		}
		if len(list) > maxPacks {
			return nil, fmt.Errorf("catalogue: more than %d packs", maxPacks)
		}
		e, err := open(folder, entry.Name(), keys)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
		list = append(list, e)
	}
	return Join(list)
}

func open(folder fs.FS, name string, keys []crypto.PublicKey) (Edition, error) {
	text, err := readBounded(folder, name, MaxPack)
	if err != nil {
		return Edition{}, err
	}
	signature, err := readBounded(folder, name+SignatureSuffix, maxSignature)
	if err != nil {
		return Edition{}, fmt.Errorf("%w (%w)", ErrUnsigned, err)
	}
	signer, err := Verify(text, signature, keys)
	if err != nil {
		return Edition{}, err
	}
	p, err := ParsePack(text) // what nobody vouches for is not even parsed
	return Edition{Pack: p, File: name, Signer: signer}, err
}

func readBounded(folder fs.FS, name string, most int64) ([]byte, error) {
	f, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s: more than %d bytes", name, most)
	}
	return text, err
}
