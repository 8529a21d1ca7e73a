package vitale_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"carnet/vitale"
	"carnet/vitale/specimen"
)

func ExampleDirect_Read() {
	card := specimen.New(specimen.None)
	data, err := vitale.Direct{Card: card, ATR: card.ATR()}.Read(context.Background())
	if err != nil {
		fmt.Println(vitale.CodeOf(err))
		return
	}
	fmt.Println(data) // it hides itself
	for _, b := range data.Beneficiaries {
		fmt.Println(b.Surname, b.GivenName, b.Birth.Raw, "lunisolar:", b.Birth.Lunisolar, "number of:", b.NIROf)
	}
	fmt.Println("not known:", strings.Join(data.Missing, ", "))
	// Output:
	// vitale.Data(3 people)
	// FOUGÈRE CAMILLE 19850512 lunisolar: false number of: self
	// FOUGÈRE NOÉ 20150931 lunisolar: true number of: insured
	// FOUGÈRE LISE 20201114 lunisolar: false number of: unknown
	// not known: birthName, certifiedNir, quality, validFrom
}

func ExampleCodeOf() {
	card := specimen.New(specimen.Vitale1)
	_, err := vitale.Direct{Card: card, ATR: card.ATR()}.Read(context.Background())
	fmt.Println(vitale.CodeOf(err))
	// Output: VITALE1_UNSUPPORTED
}

func ExampleRecorder() {
	card := specimen.New(specimen.Plain)
	recorder := vitale.NewRecorder(card, card.ATR())
	if _, err := (vitale.Direct{Card: recorder, ATR: card.ATR()}).Read(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	var trace strings.Builder
	if _, err := recorder.WriteTo(&trace); err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(trace.String()) {
		fmt.Fprintf(os.Stdout, "%.60s\n", strings.TrimSpace(line))
	}
	// Output:
	// carnet-vitale-trace 1
	// atr 3B751300004409EA9000
	// > 00A40000023F00
	// < 6112
	// > 00C0000012
	// < 6F10840E58580000005858005858585858589000
	// > 00B0820000
	// < 6C7C
	// > 00B082007C
	// < 651C800758585858585858810758585858585858820830303030303030
	// > 00A4020C022F02
	// < 9000
	// > 00B0000000
	// < 6C0C
	// > 00B000000C
	// < 5A0A000000000000000000009000
	// > 00A404000BD250000002564954414C45
	// < 610F
	// > 00C000000F
	// < 6F0D840B58580000005858585858589000
	// > 00B0820000
	// < 6C60
	// > 00B0820060
	// < 651590025858930F303030303030303030303030303030651590025858
}
