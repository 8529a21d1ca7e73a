package ui

import (
	"fmt"
	"io/fs"
)

// ReadText reads text/<lang>.toml of a folder, for a command that speaks as the sites do.
func ReadText(files fs.FS, lang string) (Text, error) {
	t, err := loadTexts(files)
	if err != nil {
		return Text{}, err
	}
	if _, ok := t.byLang[lang]; !ok {
		return Text{}, fmt.Errorf("no catalogue in %q", lang)
	}
	return t.in(lang), nil
}
