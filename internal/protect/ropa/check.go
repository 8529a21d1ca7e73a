package ropa

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect/deadline"
)

// Code names a class of fault. Codes are stable: scripts rely on them.
type Code string

// The classes of fault. What each means and what is to be done is in docs/register.md.
const (
	NoVersion     Code = "register.version"
	Twice         Code = "id.twice"
	NoController  Code = "processing.controller"
	NoText        Code = "processing.text"
	NoSecurity    Code = "processing.security"
	NoArrangement Code = "processing.arrangement"
	NoContract    Code = "processor.contract"
	Untitled      Code = "processing.title"

	NoBasis     Code = "purpose.basis"
	NoSpecial   Code = "purpose.special"
	NoNotice    Code = "purpose.notice"
	Objection   Code = "purpose.objection"
	ColumnForm  Code = "column.form"
	ColumnTwice Code = "column.twice"
	ColumnNew   Code = "column.unlisted"
	ColumnGone  Code = "column.gone"

	UnknownCategory  Code = "category.unknown"
	UnknownPurpose   Code = "purpose.unknown"
	UnknownRecipient Code = "recipient.unknown"
	RecipientKind    Code = "recipient.kind"
	UnknownNotice    Code = "notice.unknown"

	FlowAgreement Code = "flow.agreement"
	FlowExpired   Code = "flow.expired"
	FlowNotice    Code = "flow.notice"
	FlowNIR       Code = "flow.nir"

	RetentionForm     Code = "retention.form"
	RetentionPeriod   Code = "retention.period"
	RetentionStart    Code = "retention.start"
	RetentionInferred Code = "retention.inferred"
	RetentionMinimum  Code = "retention.minimum"
	RetentionSpan     Code = "retention.span"

	NoticeDate      Code = "notice.date"
	NoticeUndated   Code = "notice.undated"
	NoticePDF       Code = "notice.pdf"
	NoticeForm      Code = "notice.form"
	NoticeDuplicate Code = "notice.duplicate"
	NoticeThemes    Code = "notice.themes"
	NoticeAbsent    Code = "notice.absent"

	RightContradiction Code = "right.contradiction"
	CookieConflict     Code = "cookie.conflict"
	CookieUndescribed  Code = "cookie.undescribed"
	CookieSameUse      Code = "cookie.use"
	CookieClaim        Code = "cookie.claim"
	CookieValidity     Code = "cookie.validity"
	LegalNumber        Code = "legal.number"
	SecurityBelow      Code = "text.security"
	Dated              Code = "text.dated"
	Damaged            Code = "text.damaged"
	Disagree           Code = "text.services"
	ConsentTerms       Code = "text.consent"
	UnknownRemark      Code = "remark.kind"
)

// notes are worth telling and no reason to refuse a register.
var notes = []Code{Untitled, ColumnGone, RetentionInferred, NoticePDF, NoticeForm, NoticeThemes, Dated, Disagree}

// remarks gives the code of what a person noted.
var remarks = map[string]Code{
	"contradiction": RightContradiction, "security-below": SecurityBelow, "dated": Dated,
	"damaged": Damaged, "services-disagree": Disagree, "consent-terms": ConsentTerms,
}

// Finding is one thing that is wrong, or worth telling, in a register.
type Finding struct {
	Code   Code   `json:"code"`
	Note   bool   `json:"note"`             // no reason to refuse
	Where  string `json:"where"`            // id of what it is about
	Detail string `json:"detail,omitempty"` // what stands there
	Source string `json:"source,omitempty"` // text and line that it was read in
}

func (f Finding) String() string {
	s := string(f.Code) + " " + f.Where
	if f.Detail != "" {
		s += ": " + f.Detail
	}
	return s
}

// Setting is what a register is checked against.
type Setting struct {
	Today   carnet.Date // for what begins and ends
	Columns []string    // "table.column" that the stores have; nil when they are not at hand
}

// Events are the dated facts from which a period of retention may start.
var Events = []string{
	"rights.end", "prevention_action.end", "dmp.opened", "dmp.closed", "support_action.end", "professional.death",
	"case.closed_without_action", "alert.received", "judgment.final", "request.end", "read.end", "collection", "practice.end", "act.recorded",
}

// Bases are the legal bases of GDPR art. 6-1, Specials the exceptions of art. 9-2 that health data use here.
var (
	Bases    = []string{"6-1-a", "6-1-b", "6-1-c", "6-1-d", "6-1-e", "6-1-f"}
	Specials = []string{"9-2-a", "9-2-b", "9-2-c", "9-2-f", "9-2-h", "9-2-i", "9-2-j"}
)

type checker struct {
	r       *Register
	at      Setting
	notices map[string]Notice
	found   []Finding
}

func (c *checker) find(code Code, where, detail, source string) {
	c.found = append(c.found, Finding{code, slices.Contains(notes, code), where, detail, source})
}

// Check finds every fault, in the order of the codes and of the ids.
func (r *Register) Check(at Setting) []Finding {
	c := &checker{r: r, at: at, notices: map[string]Notice{}}
	if r.Version == "" {
		c.find(NoVersion, "register", "", "")
	}
	for _, n := range r.Notices {
		if _, twice := c.notices[n.ID]; twice {
			c.find(Twice, n.ID, "", "")
		}
		c.notices[n.ID] = n
	}
	c.columns()
	purposes, categories := map[string]bool{}, map[string]Category{}
	ids := map[string]bool{}
	once := func(id string) {
		if ids[id] {
			c.find(Twice, id, "", "")
		}
		ids[id] = true
	}
	for _, p := range r.Processing {
		once("processing " + p.ID)
		for _, u := range p.Purposes {
			once("purpose " + u.ID)
			purposes[u.ID] = true
		}
		for _, k := range p.Categories {
			once("category " + k.ID)
			categories[k.ID] = k
		}
		for _, x := range p.Retention {
			once("retention " + x.ID)
		}
	}
	for _, p := range r.Processing {
		c.processing(p)
		c.retention(p)
		c.flows(p, purposes, categories)
		for _, g := range p.Grants {
			if !purposes[g.Purpose] {
				c.find(UnknownPurpose, "grant "+g.Role+"/"+g.Purpose, g.Purpose, "")
			}
			for _, k := range slices.Concat(g.Read, g.Write) {
				if _, ok := categories[k]; !ok {
					c.find(UnknownCategory, "grant "+g.Role+"/"+g.Purpose, k, "")
				}
			}
		}
	}
	c.printed()
	c.cookies()
	for _, l := range r.Legal {
		c.legal(l)
	}
	for _, x := range r.Rights {
		if i := slices.IndexFunc(x.Granted, func(g Granted) bool { return g.When != x.Granted[0].When }); i > 0 {
			c.find(RightContradiction, x.ID, fmt.Sprintf("%s: %s, %s: %s", x.Granted[0].Source, x.Granted[0].When, x.Granted[i].Source, x.Granted[i].When), x.Granted[0].Source)
		}
	}
	for _, m := range r.Remarks {
		c.find(cmp.Or(remarks[m.Kind], UnknownRemark), m.Source, m.Words, m.Source)
	}
	slices.SortStableFunc(c.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Where, b.Where), cmp.Compare(a.Detail, b.Detail))
	})
	return c.found
}

// Faults keeps what is a reason to refuse.
func Faults(found []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(found), func(f Finding) bool { return f.Note })
}

func (c *checker) columns() {
	seen := map[string]string{}
	declare := func(column, where string) {
		if t, name, ok := strings.Cut(column, "."); !ok || t == "" || name == "" {
			c.find(ColumnForm, where, column, "")
		}
		if other, twice := seen[column]; twice {
			c.find(ColumnTwice, column, other+", "+where, "")
		}
		seen[column] = where
	}
	for _, p := range c.r.Processing {
		for _, k := range p.Categories {
			for _, column := range k.Columns {
				declare(column, k.ID)
			}
		}
	}
	for _, column := range c.r.Technical.Columns {
		declare(column, "technical")
	}
	if c.at.Columns == nil || c.r.Printed {
		return
	}
	for _, column := range c.at.Columns {
		if _, ok := seen[column]; !ok {
			c.find(ColumnNew, column, "", "")
		}
	}
	for column, where := range seen {
		if !slices.Contains(c.at.Columns, column) {
			c.find(ColumnGone, column, where, "")
		}
	}
}

func (c *checker) processing(p Processing) {
	for code, list := range map[Code][]string{NoController: p.Controllers, NoText: p.Texts, NoSecurity: p.Security} {
		if len(list) == 0 {
			c.find(code, p.ID, "", p.Source)
		}
	}
	if p.Untitled {
		c.find(Untitled, p.ID, p.Title, p.Source)
	}
	if !c.r.Printed {
		if p.Joint && (p.Arrangement == "" || len(p.Controllers) < 2) {
			c.find(NoArrangement, p.ID, "", p.Source)
		}
		for _, x := range p.Processors {
			if x.Contract == "" || len(x.Measures) == 0 {
				c.find(NoContract, p.ID, x.Name, x.Source)
			}
		}
	}
	for _, id := range p.Notices {
		if _, ok := c.notices[id]; !ok {
			c.find(UnknownNotice, p.ID, id, p.Source)
		}
	}
	health := slices.ContainsFunc(p.Categories, func(k Category) bool { return k.Sensitivity == "health" })
	special := slices.ContainsFunc(p.Purposes, func(u Purpose) bool { return u.Special != "" })
	if health && !special && !c.r.Printed {
		c.find(NoSpecial, p.ID, "", p.Source)
	}
	objection := slices.ContainsFunc(p.Notices, func(id string) bool { return c.notices[id].Objection })
	for _, u := range p.Purposes {
		if !slices.Contains(Bases, u.Basis) {
			c.find(NoBasis, u.ID, u.Basis, u.Source)
		}
		if u.Special != "" && !slices.Contains(Specials, u.Special) {
			c.find(NoSpecial, u.ID, u.Special, u.Source)
		}
		if u.Opposable && !objection {
			c.find(Objection, u.ID, "", u.Source)
		}
		switch {
		case p.NoticeReferred != "" && !slices.ContainsFunc(c.r.Notices, func(n Notice) bool { return n.Title == p.NoticeReferred }):
			c.find(NoticeAbsent, u.ID, p.NoticeReferred, u.Source)
		case c.r.Printed && len(p.Notices) == 0 && p.NoticeText == "" && p.NoticeReferred == "",
			!c.r.Printed && !c.r.InForce(p, c.at.Today):
			c.find(NoNotice, u.ID, "", u.Source)
		}
	}
	if objection && !slices.ContainsFunc(p.Purposes, func(u Purpose) bool { return u.Opposable }) {
		c.find(Objection, p.ID, strings.Join(p.Notices, ", "), p.Source)
	}
}

// InForce reports whether a notice of a processing is in force on a day.
func (r *Register) InForce(p Processing, day carnet.Date) bool {
	return slices.ContainsFunc(r.Notices, func(n Notice) bool {
		from, err := carnet.ParseDate(n.From)
		if err != nil || day.Before(from) || !slices.Contains(p.Notices, n.ID) {
			return false
		}
		until, err := carnet.ParseDate(n.Until)
		return n.Until == "" || err == nil && !day.After(until)
	})
}

func (c *checker) retention(p Processing) {
	if len(p.Retention) == 0 {
		if len(p.Categories) > 0 {
			c.find(RetentionPeriod, p.ID, "", p.Source)
		}
		return
	}
	all := slices.ContainsFunc(p.Retention, func(x Rule) bool { return len(x.Categories) == 0 })
	for _, k := range p.Categories {
		if !all && !slices.ContainsFunc(p.Retention, func(x Rule) bool { return slices.Contains(x.Categories, k.ID) }) {
			c.find(RetentionPeriod, p.ID, k.ID, k.Source)
		}
	}
	for _, x := range p.Retention {
		for _, id := range x.Categories {
			if !slices.ContainsFunc(p.Categories, func(k Category) bool { return k.ID == id }) {
				c.find(UnknownCategory, x.ID, id, x.Text)
			}
		}
		for _, known := range []struct {
			value string
			among []string
		}{
			{x.Bound, []string{"max", "range", "exact", "lifetime", "per_regulation", "none"}},
			{x.Phase, []string{"active", "intermediate_archive"}},
			{x.Then, []string{"archive", "propose_elimination", "anonymise", "transfer", "delete"}},
		} {
			if !slices.Contains(known.among, known.value) {
				c.find(RetentionForm, x.ID, strconv.Quote(known.value), x.Text)
			}
		}
		if x.PublicArchive && x.Then == "delete" {
			c.find(RetentionForm, x.ID, "public_archive, delete", x.Text)
		}
		if x.Duration == "" && x.Bound != "lifetime" {
			c.find(RetentionPeriod, x.ID, x.Bound, x.Text)
		}
		most, least := c.period(x, x.Duration), c.period(x, x.Minimum)
		if x.Minimum != "" && x.Duration != "" && least.Longer(most) {
			c.find(RetentionMinimum, x.ID, x.Minimum+" > "+x.Duration, x.Text)
		}
		for _, event := range []string{x.Start, x.MinimumUntil} {
			if event != "" && !slices.Contains(Events, event) {
				c.find(RetentionStart, x.ID, event, x.Text)
			}
		}
		if x.Start == "" {
			c.find(RetentionStart, x.ID, "", x.Text)
		}
		if x.StartInferred {
			c.find(RetentionInferred, x.ID, x.Start, x.Text)
		}
		if x.MinimumUntil != "" && x.MinimumUntil != x.Start {
			c.find(RetentionSpan, x.ID, x.MinimumUntil+" … "+x.Start, x.Text)
		}
	}
}

func (c *checker) period(x Rule, s string) deadline.Period {
	if s == "" {
		return deadline.Period{}
	}
	p, err := deadline.ParsePeriod(s)
	if err != nil {
		c.find(RetentionForm, x.ID, s, x.Text)
	}
	return p
}

func (c *checker) flows(p Processing, purposes map[string]bool, categories map[string]Category) {
	for _, x := range p.Recipients {
		if x.Kind != "internal" && x.Kind != "external" {
			c.find(RecipientKind, p.ID, x.ID, x.Source)
		}
	}
	for _, f := range p.Flows {
		where := p.ID + "/" + f.Recipient
		i := slices.IndexFunc(p.Recipients, func(x Recipient) bool { return x.ID == f.Recipient })
		if i < 0 {
			c.find(UnknownRecipient, where, f.Recipient, "")
		}
		if !purposes[f.Purpose] {
			c.find(UnknownPurpose, where, f.Purpose, "")
		}
		nir := false
		for _, id := range f.Categories {
			k, ok := categories[id]
			if !ok {
				c.find(UnknownCategory, where, id, "")
			}
			nir = nir || k.Sensitivity == "nir"
		}
		until, err := carnet.ParseDate(f.Until)
		switch {
		case f.Agreement == "" || f.Text == "" || len(f.Categories) == 0 || err != nil:
			c.find(FlowAgreement, where, f.Agreement, "")
		case c.at.Today.After(until):
			c.find(FlowExpired, where, f.Until, "")
		}
		if !c.r.InForce(p, c.at.Today) {
			c.find(FlowNotice, where, "", "")
		}
		if nir && (i < 0 || !p.Recipients[i].NIRAuthorised) {
			c.find(FlowNIR, where, "", "")
		}
	}
}

var (
	slashed = regexp.MustCompile(`^(\d{1,2})/(\d{1,2})/(\d{4})$`)
	worded  = regexp.MustCompile(`^(\d{1,2})(?:er)? (janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre) (\d{4})$`)
	months  = []string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"}
	year    = regexp.MustCompile(`\b(19|20)\d\d$`)
	words   = regexp.MustCompile(`[\pL\d]{3,}`)
)

// PrintedDate reads a date as documents print it, 26/02/2019 or 23 octobre 2014. It reports false when
// the date does not exist.
func PrintedDate(s string) (carnet.Date, bool) {
	var d, m, y string
	if p := slashed.FindStringSubmatch(s); p != nil {
		d, m, y = p[1], p[2], p[3]
	} else if p := worded.FindStringSubmatch(s); p != nil {
		d, m, y = p[1], strconv.Itoa(slices.Index(months, p[2])+1), p[3]
	} else {
		return carnet.Date{}, false
	}
	date, err := carnet.ParseDate(fmt.Sprintf("%s-%02s-%02s", y, m, d))
	return date, err == nil
}

// printed checks the notices: those of an instance have dates of entry into force, printed ones have documents.
func (c *checker) printed() {
	themes := map[string][]string{}
	for _, p := range c.r.Processing {
		for _, id := range p.Notices {
			themes[id] = append(themes[id], p.ID)
		}
	}
	for _, n := range c.r.Notices {
		var source string
		if len(n.Lines) > 0 {
			source = fmt.Sprintf("POL:%d", n.Lines[0])
		}
		if !c.r.Printed {
			for _, s := range []string{n.From, n.Until} {
				if _, err := carnet.ParseDate(s); err != nil && (s != "" || n.From == "") {
					c.find(NoticeDate, n.ID, strconv.Quote(s), "")
					break
				}
			}
			continue
		}
		if len(themes[n.ID]) > 1 {
			c.find(NoticeThemes, n.ID, strings.Join(themes[n.ID], ", "), source)
		}
		if n.undated() {
			c.find(NoticeUndated, n.ID, n.Title, source)
		}
		if slices.ContainsFunc(n.Documents, func(d Document) bool { return !d.PDF }) {
			c.find(NoticePDF, n.ID, n.Title, source)
		}
		if n.Bare {
			c.find(NoticeForm, n.ID, "no-parentheses", source)
		}
		if n.AfterMark {
			c.find(NoticeForm, n.ID, "after-mark", source)
		}
		if year.MatchString(n.Title) {
			c.find(NoticeForm, n.ID, "year-in-title", source)
		}
		for _, d := range n.Documents {
			if d.Date == "" {
				continue
			}
			date, ok := PrintedDate(d.Date)
			if !ok {
				c.find(NoticeDate, n.ID, d.Date, source)
				continue
			}
			form := ""
			switch {
			case worded.MatchString(d.Date):
				form = "in-words"
			case len(d.Date) != len("26/02/2019"):
				form = "unpadded"
			case deadline.Weekday(date) == time.Saturday || deadline.Weekday(date) == time.Sunday:
				form = "weekend"
			case deadline.Holiday(date, deadline.Metropole):
				form = "holiday"
			}
			if form != "" {
				c.find(NoticeForm, n.ID, form+" "+d.Date, source)
			}
		}
	}
	c.duplicates()
}

func (n Notice) undated() bool {
	return !slices.ContainsFunc(n.Documents, func(d Document) bool { return d.Date != "" })
}

// duplicates finds two notices of one list that cannot be told apart: nearly the same title, and one
// of them without a date.
func (c *checker) duplicates() {
	if !c.r.Printed {
		return
	}
	for _, p := range c.r.Processing {
		for i, a := range p.Notices {
			for _, b := range p.Notices[i+1:] {
				x, y := c.notices[a], c.notices[b]
				if (x.undated() || y.undated()) && alike(x.Title, y.Title) >= 0.75 {
					c.find(NoticeDuplicate, a+", "+b, x.Title, p.Source)
				}
			}
		}
	}
}

// alike is the share of words of three letters or more that two titles have in common.
func alike(a, b string) float64 {
	set := map[string]int{}
	for _, w := range words.FindAllString(strings.ToLower(a), -1) {
		set[w] |= 1
	}
	for _, w := range words.FindAllString(strings.ToLower(b), -1) {
		set[w] |= 2
	}
	both := 0
	for _, in := range set {
		if in == 3 {
			both++
		}
	}
	return float64(both) / float64(max(len(set), 1))
}

func (c *checker) cookies() {
	uses := map[string][]string{}
	for _, k := range c.r.Cookies {
		uses[k.Use] = append(uses[k.Use], k.ID)
		if k.Unnamed || k.Name == "" || k.Lifetime == "" {
			c.find(CookieUndescribed, k.ID, k.Name, k.Source)
		}
		if k.Anonymous && (k.ThirdParty != "" || k.Targeted) {
			c.find(CookieClaim, k.ID, k.Name, k.Source)
		}
	}
	for _, ids := range uses {
		if len(ids) > 1 {
			c.find(CookieSameUse, strings.Join(ids, ", "), "", "")
		}
	}
	for i, a := range c.r.CookieRule {
		for _, b := range c.r.CookieRule[i+1:] {
			if a.AskedAgain != b.AskedAgain {
				c.find(CookieConflict, a.ID+", "+b.ID, a.AskedAgain+", "+b.AskedAgain, a.Source)
			}
		}
		if p, err := deadline.ParsePeriod(a.AskedAgain); err == nil && p.Longer(deadline.Period{Months: 6}) {
			c.find(CookieValidity, a.ID, a.AskedAgain, a.Source)
		}
	}
}

// legal checks the numbers of a legal notice: SIREN and SIRET by the formula of Luhn, the key of the
// VAT number, (12 + 3 × (SIREN mod 97)) mod 97.
func (c *checker) legal(l Legal) {
	plain := func(s string) string { return strings.ReplaceAll(s, " ", "") }
	for what, n := range map[string]struct {
		value string
		ok    bool
	}{
		"SIREN": {l.SIREN, luhn(plain(l.SIREN), 9)},
		"SIRET": {l.SIRET, luhn(plain(l.SIRET), 14)},
		"RCS":   {l.RCS, luhn(plain(l.RCS), 9)},
		"VAT":   {l.VAT, vat(plain(l.VAT))},
	} {
		if n.value != "" && !n.ok {
			c.find(LegalNumber, l.ID, what+" "+n.value, l.Source)
		}
	}
}

func luhn(s string, length int) bool {
	if len(s) != length {
		return false
	}
	sum := 0
	for i := range len(s) {
		n := int(s[len(s)-1-i]) - '0'
		if n < 0 || n > 9 {
			return false
		}
		if i%2 == 1 {
			n *= 2
		}
		sum += n/10 + n%10
	}
	return sum%10 == 0
}

func vat(s string) bool {
	if len(s) != 13 || !strings.HasPrefix(s, "FR") || !luhn(s[4:], 9) {
		return false
	}
	siren, err := strconv.Atoi(s[4:])
	return err == nil && s[2:4] == fmt.Sprintf("%02d", (12+3*(siren%97))%97)
}
