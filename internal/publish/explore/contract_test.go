package explore_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestContract validates answers against the published OpenAPI file of the Explore API.
func TestContract(t *testing.T) {
	dir, asked := os.LookupEnv("CARNET_DATA_PORTAL")
	if !asked {
		dir = filepath.Join("..", "..", "..", "..", "shared", "data", "portal")
	}
	text, err := os.ReadFile(filepath.Join(dir, "explore-api", "opendatasoft-explore-v2.1-openapi.json"))
	if err != nil {
		if asked {
			t.Fatal(err)
		}
		t.Logf("no OpenAPI file here (%v): TestScenarios covers the same ground", err)
		return
	}
	var api map[string]any
	if err := json.Unmarshal(text, &api); err != nil {
		t.Fatal(err)
	}
	p := portal(t, 10, nil)
	base := "/api/explore/v2.1"
	d := "/catalog/datasets/" + id
	for _, c := range []struct{ path, url, status string }{
		{"/catalog/datasets", "/catalog/datasets?limit=5", "200"},
		{"/catalog/datasets/{dataset_id}", d, "200"},
		{"/catalog/facets", "/catalog/facets", "200"},
		{"/catalog/exports", "/catalog/exports", "200"},
		{"/catalog/datasets/{dataset_id}/records", d + "/records?limit=100", "200"},
		{"/catalog/datasets/{dataset_id}/records", d + "/records?group_by=classe_age&select=sum(effectif_1_inj)", "200"},
		{"/catalog/datasets/{dataset_id}/records", d + "/records?limit=1000", "400"},
		{"/catalog/datasets/{dataset_id}/records", d + "/records?where=x", "400"},
		{"/catalog/datasets/{dataset_id}/facets", d + "/facets", "200"},
		{"/catalog/datasets/{dataset_id}/attachments", d + "/attachments", "200"},
		{"/catalog/datasets/{dataset_id}/exports", d + "/exports", "200"},
	} {
		w := get(p, base+c.url)
		if fmt.Sprint(w.Code) != c.status {
			t.Errorf("%s: %d", c.url, w.Code)
		}
		var body any
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatalf("%s: %v", c.url, err)
		}
		response := follow(t, api, dig(t, api, "paths", c.path, "get", "responses", c.status))
		content := dig(t, response, "content").(map[string]any)
		var schema any
		for media, v := range content {
			if strings.HasPrefix(media, "application/json") {
				schema = dig(t, v, "schema")
			}
		}
		if schema == nil {
			t.Fatalf("%s: no schema", c.path)
		}
		checked := 0
		for _, fault := range validate(t, api, schema, body, c.url, &checked) {
			t.Error(fault)
		}
		if checked < 1 {
			t.Errorf("%s: only %d values were checked", c.url, checked)
		}
	}
	// The validator can fail.
	n := 0
	if faults := validate(t, api, map[string]any{"$ref": "#/components/schemas/results-v2.1"}, map[string]any{"total_count": "1"}, "x", &n); len(faults) == 0 {
		t.Error("a text passes for a number")
	}
}

func dig(t testing.TB, v any, path ...string) any {
	t.Helper()
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok || m[key] == nil {
			t.Fatalf("the OpenAPI file has no %v", path)
		}
		v = m[key]
	}
	return v
}

func follow(t testing.TB, api map[string]any, v any) any {
	t.Helper()
	for {
		m, ok := v.(map[string]any)
		if !ok {
			return v
		}
		ref, ok := m["$ref"].(string)
		if !ok {
			return v
		}
		v = dig(t, api, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
}

// validate checks the parts of JSON Schema that the file uses.
func validate(t testing.TB, api map[string]any, schema, v any, at string, checked *int) (faults []string) {
	t.Helper()
	s, ok := follow(t, api, schema).(map[string]any)
	if !ok {
		return nil
	}
	*checked++
	if v == nil {
		if s["nullable"] != true && s["type"] != nil {
			faults = append(faults, at+": null")
		}
		return faults
	}
	kind := ""
	switch x := v.(type) {
	case map[string]any:
		kind = "object"
		if props, ok := s["properties"].(map[string]any); ok {
			for name, p := range props {
				if value, ok := x[name]; ok {
					faults = append(faults, validate(t, api, p, value, at+"."+name, checked)...)
				}
			}
		}
		if required, ok := s["required"].([]any); ok {
			for _, name := range required {
				if _, ok := x[name.(string)]; !ok {
					faults = append(faults, at+": no "+name.(string))
				}
			}
		}
	case []any:
		kind = "array"
		for i, item := range x {
			faults = append(faults, validate(t, api, s["items"], item, fmt.Sprintf("%s[%d]", at, i), checked)...)
		}
	case string:
		kind = "string"
		if s["format"] == "uri" {
			if u, err := url.Parse(x); err != nil || u.Scheme == "" {
				faults = append(faults, at+": "+x+" is no address")
			}
		}
	case float64:
		kind = "number"
		if x == float64(int64(x)) && s["type"] == "integer" {
			kind = "integer"
		}
	case bool:
		kind = "boolean"
	}
	if want, ok := s["type"].(string); ok && want != kind {
		faults = append(faults, fmt.Sprintf("%s: %s instead of %s", at, kind, want))
	}
	if list, ok := s["enum"].([]any); ok && !slices.Contains(list, v) {
		faults = append(faults, fmt.Sprintf("%s: %v is not one of %v", at, v, list))
	}
	return faults
}

// TestClient runs the npm client @opendatasoft/api-client 21.8.1 against the portal. scripts/test installs it.
func TestClient(t *testing.T) {
	folder := os.Getenv("CARNET_ODS_CLIENT")
	if folder == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		folder = filepath.Join(cache, "carnet-test", "ods-api-client-21.8.1")
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "@opendatasoft", "api-client")); err != nil {
		t.Fatalf("the client is missing (%v): scripts/test installs it, or: npm install --ignore-scripts --prefix %s @opendatasoft/api-client@21.8.1", err, folder)
	}
	server := httptest.NewServer(portal(t, 48, nil))
	defer server.Close()
	script, err := os.ReadFile("testdata/client.mjs")
	if err != nil {
		t.Fatal(err)
	}
	// A module finds others beside itself.
	file := filepath.Join(folder, fmt.Sprintf("client-%d.mjs", os.Getpid()))
	if err := os.WriteFile(file, script, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file)
	cmd := exec.CommandContext(t.Context(), "node", file, server.URL, id)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "9 passed") {
		t.Errorf("%v\n%s", err, out)
	}
}
