package ui

import (
	"fmt"
	"io/fs"
)

// ReadText reads text/<lang>.toml of a folder beside the words that the sites share, for a command that speaks as they do.
func ReadText(own fs.FS, lang string) (Text, error) {
	t, err := loadTexts(files, own)
	if err != nil {
		return Text{}, err
	}
	if _, ok := t.byLang[lang]; !ok {
		return Text{}, fmt.Errorf("no catalogue in %q", lang)
	}
	return t.in(lang), nil
}
