package nir_test

import (
	"errors"
	"fmt"

	"carnet/nir"
)

func ExampleParse() {
	n, err := nir.Parse("2 85 05 99 777 042 54")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("printed: ", n)
	fmt.Println("screen:  ", n.Masked())
	fmt.Println("revealed:", n.Reveal())
	fmt.Println(n.Sex(), n.BirthYear2(), n.BirthMonth(), n.Department(), n.Commune())
	// Output:
	// printed:  █
	// screen:   2 85 ●● ●● ●●● ●●● ●●
	// revealed: 285059977704254
	// female 85 5 99 777
}

func ExampleParse_error() {
	_, err := nir.Parse("2 85 05 99 777 042 55")
	if e, ok := errors.AsType[*nir.Error](err); ok {
		fmt.Println(e.Code, e.Pos)
	}
	// Output: nir.key 14
}

func ExampleComplete() {
	n, err := nir.Complete("1 85 05 2A 777 042")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(n.Reveal())
	// Output: 185052A77704233
}

func ExampleNumber_Provisional() {
	n, err := nir.Parse("785059977704295")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(n.Provisional(), n.Sex())
	// Output: true unknown
}

// What a card may bear besides a NIR.
func ExampleClassify() {
	for _, number := range []string{"2850599777042", "7850599777042", "5150599777042"} {
		kind, err := nir.Classify(number)
		fmt.Println(kind, err)
	}
	// Output:
	// nir <nil>
	// nia <nil>
	// mig <nil>
}
