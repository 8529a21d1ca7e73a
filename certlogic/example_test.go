package certlogic_test

import (
	"errors"
	"fmt"

	"carnet/certlogic"
)

func Example() {
	e, err := certlogic.Parse([]byte(`{">=": [{"var": "payload.v.0.dn"}, {"var": "payload.v.0.sd"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := certlogic.DecodeData([]byte(`{"payload": {"v": [{"dn": 2, "sd": 2}]}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(e.Evaluate(data))
	// Output: true <nil>
}

// Everything that is wrong is reported at once, with its place.
func ExampleParse() {
	_, err := certlogic.Parse([]byte(`{"if": [{"exists": ["x"]}, null, {"+": [1]}]}`))
	var issues certlogic.Issues
	if errors.As(err, &issues) {
		for _, i := range issues {
			fmt.Println(i.Pointer, i.Problem)
		}
	}
	// Output:
	// /if/0 operator
	// /if/1 literal
	// /if/2 count
}

// One year after 29 February is 1 March, as JavaScript counts.
func ExampleExpression_Evaluate() {
	e, err := certlogic.Parse([]byte(`{"plusTime": [{"var": "dt"}, 1, "year"]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(e.Evaluate(map[string]any{"dt": "2020-02-29"}))
	// Output: 2021-03-01 00:00:00 +0000 UTC <nil>
}

// An error says where and why, and nothing about the data.
func ExampleError() {
	e, err := certlogic.Parse([]byte(`{"!": [{"plusTime": [{"var": "dt"}, 1, "day"]}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = e.Evaluate(map[string]any{"dt": "yesterday"})
	if failure, ok := errors.AsType[*certlogic.Error](err); ok {
		fmt.Println(failure.Code, failure.Pointer)
	}
	// Output: date /!/0
}
