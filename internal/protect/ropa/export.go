package ropa

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Table is a view of the register in rows; the first is its head, in French as the authority reads it.
type Table [][]string

func lines(list []string) string { return strings.Join(list, "\n") }

func titles[T any](list []T, title func(T) string) string {
	var all []string
	for _, x := range list {
		if s := title(x); s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return lines(all)
}

func (p Processing) purposes() string {
	return titles(p.Purposes, func(u Purpose) string {
		return strings.TrimSpace(u.Title + " (art. " + strings.Trim(u.Basis+", "+u.Special, ", ") + ")")
	})
}

func (p Processing) periods() string {
	return titles(p.Retention, func(x Rule) string {
		s := x.Title + " : " + strings.TrimSpace(x.Bound+" "+x.Duration)
		if x.Start != "" {
			s += ", " + x.Start
		}
		return s
	})
}

func (p Processing) recipients(kind string) string {
	return titles(p.Recipients, func(x Recipient) string {
		if x.Kind != kind {
			return ""
		}
		return x.Name
	})
}

func sensitive(k Category) string {
	if k.Sensitivity == "" {
		return ""
	}
	return k.Title + " (" + k.Sensitivity + ")"
}

// Controller is the record of the controller, GDPR art. 30-1, one row for each entry: its points a to g.
func (r *Register) Controller() Table {
	t := Table{{"Identifiant", "Traitement", "Responsables (a)", "Délégué à la protection des données (a)", "Finalités (b)", "Personnes concernées (c)", "Catégories de données (c)", "Destinataires (d)", "Transferts hors de l’Union (e)", "Délais d’effacement (f)", "Mesures de sécurité (g)"}}
	for _, p := range r.Processing {
		t = append(t, []string{
			p.ID, p.Title, lines(p.Controllers), p.DPO, p.purposes(), lines(p.Subjects()),
			titles(p.Categories, func(k Category) string { return k.Title }),
			titles(p.Recipients, func(x Recipient) string { return x.Name }), lines(p.Transfers), p.periods(), lines(p.Security),
		})
	}
	return t
}

// Processor is the record of the processors, GDPR art. 30-2, one row for each of them in each entry.
func (r *Register) Processor() Table {
	t := Table{{"Sous-traitant (a)", "Responsables (a)", "Délégué à la protection des données (a)", "Traitement (b)", "Catégories de traitements (b)", "Transferts hors de l’Union (c)", "Mesures de sécurité (d)", "Contrat (art. 28)", "Sous-traitants ultérieurs"}}
	for _, p := range r.Processing {
		for _, x := range p.Processors {
			t = append(t, []string{x.Name, lines(p.Controllers), p.DPO, p.Title, x.Work, lines(p.Transfers), lines(x.Measures), x.Contract, lines(x.Subprocessors)})
		}
	}
	return t
}

// CNIL has the columns of the authority's own template, one row for each activity.
func (r *Register) CNIL() Table {
	t := Table{{"Référence", "Activité", "Responsable du traitement", "Responsables conjoints", "Délégué à la protection des données", "Finalité principale", "Sous-finalités", "Personnes concernées", "Catégories de données", "Données sensibles", "Destinataires internes", "Destinataires externes", "Sous-traitants", "Transferts hors de l’Union", "Durées de conservation", "Mesures de sécurité"}}
	for _, p := range r.Processing {
		first, joint, main, others := "", "", "", ""
		if len(p.Controllers) > 0 {
			first = p.Controllers[0]
			joint = lines(p.Controllers[1:])
		}
		if len(p.Purposes) > 0 {
			main = p.Purposes[0].Title
			others = titles(p.Purposes[1:], func(u Purpose) string { return u.Title })
		}
		t = append(t, []string{
			p.ID, p.Title, first, joint, p.DPO, main, others, lines(p.Subjects()),
			titles(p.Categories, func(k Category) string { return k.Title }), titles(p.Categories, sensitive),
			p.recipients("internal"), p.recipients("external"), titles(p.Processors, func(x Processor) string { return x.Name }),
			lines(p.Transfers), p.periods(), lines(p.Security),
		})
	}
	return t
}

// CSV writes a table for a spreadsheet: UTF-8 with its mark, semicolons as in France. A cell that a
// spreadsheet would take for a formula begins with an apostrophe.
func (t Table) CSV() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	w.Comma, w.UseCRLF = ';', true
	for _, row := range t {
		cells := slices.Clone(row)
		for i, c := range cells {
			if c != "" && strings.ContainsRune("=+-@\t\r'", rune(c[0])) {
				cells[i] = "'" + c
			}
		}
		if err := w.Write(cells); err != nil {
			return nil, fmt.Errorf("register: csv: %w", err)
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// ReadCSV reads what [Table.CSV] wrote.
func ReadCSV(text []byte) (Table, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("register: csv: more than %d bytes: %w", MaxSize, ErrUnreadable)
	}
	c := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	c.Comma = ';'
	rows, err := c.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("register: csv: %w: %w", ErrUnreadable, err)
	}
	for _, row := range rows {
		for i := range row {
			row[i] = strings.TrimPrefix(row[i], "'")
		}
	}
	return rows, nil
}

// JSON writes the whole register, with its hash.
func (r *Register) JSON() ([]byte, error) {
	return json.MarshalIndent(struct {
		Format   string    `json:"format"`
		Hash     string    `json:"hash"`
		Register *Register `json:"register"`
	}{format, r.Hash(), r}, "", "  ")
}

const format = "carnet-register/1"

// ErrHash is wrapped when the content of a register is not the one that its hash names.
var ErrHash = errors.New("the content is not the one that its hash names")

// ReadJSON reads what [Register.JSON] or [Register.JSONLD] wrote, and recomputes the hash.
func ReadJSON(text []byte) (*Register, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("register: more than %d bytes: %w", MaxSize, ErrUnreadable)
	}
	var file struct {
		Format   string    `json:"format"`
		Hash     string    `json:"hash"`
		Register *Register `json:"register"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("register: %w: %w", ErrUnreadable, err)
	}
	if file.Format != format || file.Register == nil {
		return nil, fmt.Errorf("register: format %q: %w", file.Format, ErrUnreadable)
	}
	if file.Register.Hash() != file.Hash {
		return nil, fmt.Errorf("register: %w", ErrHash)
	}
	return file.Register, nil
}

type object = map[string]any

// JSONLD writes the register in the terms of the Data Privacy Vocabulary 2.3, for others to read, with
// the whole register as one JSON literal, so that it comes back as it was.
func (r *Register) JSONLD() ([]byte, error) {
	iri := func(prefix, id string) string {
		return "urn:carnet:" + prefix + ":" + strings.NewReplacer(" ", "-", ",", "").Replace(id)
	}
	named := func(kind, id, title string) object {
		return object{"@id": iri(strings.ToLower(kind), id), "@type": "dpv:" + kind, "dct:title": object{"@value": title, "@language": "fr"}}
	}
	var graph []object
	for _, p := range r.Processing {
		e := named("Process", p.ID, p.Title)
		add := func(property string, v any) {
			list, _ := e[property].([]any) // absent the first time
			e[property] = append(list, v)
		}
		for _, c := range p.Controllers {
			who := object{"dct:title": c}
			if p.Joint {
				who["@type"] = "dpv:JointDataControllers"
			}
			add("dpv:hasDataController", who)
		}
		if p.DPO != "" {
			add("dct:relation", object{"@type": "dpv:DataProtectionOfficer", "dct:title": p.DPO})
		}
		for _, u := range p.Purposes {
			add("dpv:hasPurpose", object{"@id": iri("purpose", u.ID), "dct:title": object{"@value": u.Title, "@language": "fr"}})
			for _, basis := range []string{u.Basis, u.Special} {
				if ref := (object{"@id": "eu-gdpr:A" + basis}); basis != "" && !slices.ContainsFunc(list(e["dpv:hasLegalBasis"]), func(v any) bool { return v.(object)["@id"] == ref["@id"] }) {
					add("dpv:hasLegalBasis", ref)
				}
			}
		}
		for _, k := range p.Categories {
			d := object{"@id": iri("category", k.ID), "dct:title": object{"@value": k.Title, "@language": "fr"}}
			if len(k.Terms) > 0 {
				d["@type"] = k.Terms
			}
			add("dpv:hasPersonalData", d)
		}
		for _, s := range p.Subjects() {
			add("dpv:hasDataSubject", object{"dct:title": s})
		}
		for _, x := range p.Processors {
			add("dpv:hasDataProcessor", object{"dct:title": x.Name})
		}
		for _, x := range p.Recipients {
			add("dpv:hasRecipient", object{"@id": iri("recipient", x.ID), "dct:title": object{"@value": x.Name, "@language": "fr"}})
		}
		for _, x := range p.Retention {
			d := named("StorageDuration", x.ID, x.Title)
			if x.Duration != "" {
				d["dct:extent"] = object{"@value": x.Duration, "@type": "xsd:duration"}
			}
			add("dpv:hasStorageCondition", d)
		}
		for _, s := range p.Security {
			add("dct:conformsTo", object{"dct:title": s})
		}
		for _, id := range p.Notices {
			add("dpv:hasNotice", object{"@id": iri("notice", id), "@type": "dpv:PrivacyNotice"})
		}
		graph = append(graph, e)
	}
	return json.MarshalIndent(object{
		"@context": object{
			"@version": 1.1,
			"dpv":      "https://w3id.org/dpv#", "pd": "https://w3id.org/dpv/pd#", "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
			"dct": "http://purl.org/dc/terms/", "xsd": "http://www.w3.org/2001/XMLSchema#",
			"format": "urn:carnet:format", "hash": "urn:carnet:hash",
			"register": object{"@id": "urn:carnet:register", "@type": "@json"},
		},
		"@id": "urn:carnet:register:" + r.Hash(), "@type": "dpv:RecordsOfActivities",
		"format": format, "hash": r.Hash(), "register": r, "dct:hasPart": graph,
	}, "", "  ")
}

func list(v any) []any {
	l, _ := v.([]any) // nothing yet is an empty list
	return l
}
