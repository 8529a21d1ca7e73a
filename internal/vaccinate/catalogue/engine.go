package catalogue

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
)

// Assess says what the rules valid on a day say of giving a vaccine to a person, after the doses
// that are recorded. The history may be in any order and hold doses of other diseases and records
// that none was given; a dose that is being corrected is left out by the caller. Doses that are
// only stated, and those of products that the catalogue does not know, are not counted.
func (c *Catalogue) Assess(p Person, history []carnet.Dose, v carnet.Vaccine, on carnet.Date) Assessment {
	if len(v.Diseases) == 0 { // of no catalogue
		return Assessment{Rank: 1, Expected: 1, Reason: First, Version: c.version}
	}
	x := &assessing{Catalogue: c, person: p, born: bornOn(p.Birth), vaccine: &v, on: on, out: Assessment{Version: c.version}}
	x.past = c.counted(history, x.born)
	for i, disease := range v.Diseases {
		line := x.follow(disease)
		x.out.Courses = append(x.out.Courses, line.Course)
		if i == 0 {
			x.out.Rank, x.out.Expected, x.out.Reason = line.Rank, line.Expected, line.Reason
			x.rule(line.rules...)
			x.weigh(line)
			x.next(line)
		}
	}
	x.notCounted(history)
	x.productWarnings()
	x.offer()
	return x.out
}

// Number assesses each dose of a history that counts, as if it were given after those before it:
// the ranks that a record should have. The result is in the order of the history given; a dose that
// does not count has Rank 0.
func (c *Catalogue) Number(p Person, history []carnet.Dose) []Assessment {
	list := make([]Assessment, len(history))
	places := make([]int, len(history))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(i, k int) int { return order(history[i], history[k]) })
	sorted := make([]carnet.Dose, 0, len(history))
	for _, i := range places {
		d := history[i]
		if v := c.find(d.Vaccine); v != nil && d.Given() && d.Evidence != carnet.Stated {
			list[i] = c.Assess(p, sorted, *v, d.Date)
		}
		sorted = append(sorted, d)
	}
	return list
}

// order is that of the injections. What was given on one day without a time is in the order of the
// codes of the vaccines, then of the ids, so that the order of entry decides nothing that a person
// could see.
func order(a, b carnet.Dose) int {
	return cmp.Or(cmp.Compare(a.Date.Days(), b.Date.Days()), strings.Compare(a.Time, b.Time), strings.Compare(a.Vaccine, b.Vaccine), bytes.Compare(a.ID[:], b.ID[:]))
}

// past is a dose that counts, with its vaccine.
type past struct {
	date    carnet.Date
	vaccine *carnet.Vaccine
}

func (p past) against(disease string) bool { return slices.Contains(p.vaccine.Diseases, disease) }

// counted keeps the doses that count, oldest first.
func (c *Catalogue) counted(history []carnet.Dose, b born) []past {
	kept := make([]carnet.Dose, 0, len(history))
	for _, d := range history {
		if d.Given() && d.Evidence != carnet.Stated && c.find(d.Vaccine) != nil && (!b.known() || !d.Date.Before(b.first)) {
			kept = append(kept, d)
		}
	}
	slices.SortStableFunc(kept, order)
	list := make([]past, len(kept))
	for i, d := range kept {
		list[i] = past{d.Date, c.find(d.Vaccine)}
	}
	return list
}

// assessing is one assessment under way.
type assessing struct {
	*Catalogue
	person  Person
	born    born
	vaccine *carnet.Vaccine
	on      carnet.Date
	past    []past
	out     Assessment
}

// line is where a person stands against a disease: the doses before, and the rank of the one that is assessed.
type line struct {
	Course
	before, after []past
	course        *CourseRule // nil when no rule is about it
	rules         []string
}

func (l *line) primary() bool { return l.Reason != Booster }

// first is the day of the first dose of the line, that of the assessed one when there is none before.
func (l *line) first(on carnet.Date) carnet.Date {
	if len(l.before) > 0 {
		return l.before[0].date
	}
	return on
}

// follow gives the rank of the dose against one disease.
func (x *assessing) follow(disease string) line {
	l := line{Course: Course{Disease: disease}}
	for _, d := range x.past {
		switch {
		case !d.against(disease):
		case d.date.After(x.on):
			l.after = append(l.after, d)
		default:
			l.before = append(l.before, d)
		}
	}
	start := x.vaccine
	if len(l.before) > 0 {
		start = l.before[0].vaccine
	}
	for _, r := range x.courses[disease] {
		if r.on(x.on) && r.of(disease, start.Code) && r.Ages.fits(x.born, l.first(x.on)) && x.sex(&r.Rule) && (!r.Infected || x.infectedBefore(disease, l.first(x.on))) {
			l.course = r
			break
		}
	}
	doses := 1
	if l.course != nil {
		doses = l.course.Doses
		l.rules = append(l.rules, l.course.ID)
		if l.course.SeasonFrom != "" {
			began := l.course.seasonOf(x.on)
			l.before = slices.DeleteFunc(l.before, func(d past) bool { return d.date.Before(began) })
		}
	}
	l.Rank, l.Expected = len(l.before)+1, doses
	switch {
	case l.course != nil && l.course.SeasonFrom != "" && l.Rank <= doses:
		l.Reason = Seasonal
	case l.Rank <= doses && l.course != nil && l.course.Infected:
		l.Reason = Recovered
	case l.Rank == 1:
		l.Reason = First
	case l.Rank <= doses:
		l.Reason = Primary
	default:
		l.Reason, l.Expected = Booster, l.Rank
		for _, r := range x.numbers[disease] {
			if r.Course == doses && r.on(x.on) && r.of(disease, x.vaccine.Code) {
				l.Expected = doses
				l.rules = append(l.rules, r.ID)
				break
			}
		}
	}
	return l
}

// seasonOf is the day on which the season of a day began.
func (r *CourseRule) seasonOf(on carnet.Date) carnet.Date {
	began := carnet.Date{Year: on.Year, Month: time.Month(r.season[0]), Day: r.season[1]}
	if began.After(on) {
		began.Year--
	}
	return began
}

func (x *assessing) sex(r *Rule) bool { return r.Sex == "" || r.Sex == x.person.Sex }

func (x *assessing) infectedBefore(disease string, day carnet.Date) bool {
	return slices.ContainsFunc(x.person.Infections, func(i carnet.Infection) bool {
		return i.Disease == disease && i.Evidence != carnet.Stated && i.Date.Before(day)
	})
}

func (x *assessing) warn(code WarningCode, rule string, args map[string]any) {
	x.out.Warnings = append(x.out.Warnings, Warning{code, rule, args})
	if rule != "" {
		x.rule(rule)
	}
}

func (x *assessing) rule(ids ...string) {
	for _, id := range ids {
		if !slices.Contains(x.out.Rules, id) {
			x.out.Rules = append(x.out.Rules, id)
		}
	}
}

// weigh compares the dose with the one before it.
func (x *assessing) weigh(l line) {
	x.afterInfection(l)
	if len(l.after) > 0 {
		x.warn(LaterDose, "", map[string]any{"Date": l.after[0].date})
	}
	if len(l.before) == 0 {
		return
	}
	last := l.before[len(l.before)-1]
	days := x.on.Days() - last.date.Days()
	args := map[string]any{"Days": days, "Vaccine": last.vaccine.Name}
	switch {
	case days == 0:
		x.warn(SameDay, "", map[string]any{"Vaccine": last.vaccine.Name})
	case l.primary():
		if r := x.interval(l.Disease, last.vaccine, l.Rank, l.first(x.on), x.on); r != nil {
			if least := r.Least.days(last.date); days < least {
				args["Least"] = least
				x.warn(Interval, r.ID, args)
			} else if most := r.Most; !most.IsZero() && days > most.days(last.date) {
				x.warn(Late, r.ID, map[string]any{"Days": days, "Most": most.days(last.date), "Vaccine": last.vaccine.Name})
			}
		}
	}
	if l.primary() {
		if last.vaccine.Code != x.vaccine.Code && l.Reason != Seasonal && (l.course == nil || !l.course.Exchange) {
			x.warn(OtherVaccine, "", map[string]any{"Vaccine": last.vaccine.Name})
		}
		return
	}
	x.weighBooster(l, last, days)
}

// weighBooster asks whether a dose after the primary course is wanted now, and of this product.
func (x *assessing) weighBooster(l line, last past, days int) {
	r := x.booster(l, x.on)
	if r == nil {
		x.warn(Complete, "", map[string]any{"Doses": len(l.before)})
		return
	}
	x.rule(r.ID)
	since, from := last.date, days
	if when, ok := x.infectionAfter(l.Disease, last.date); r.Infection && ok {
		since, from = when, x.on.Days()-when.Days()
	}
	if least := r.Least.days(since); from > 0 && from < least {
		x.warn(Interval, r.ID, map[string]any{"Days": from, "Least": least, "Vaccine": last.vaccine.Name})
	}
	if len(r.Vaccines) > 0 && !slices.Contains(r.Vaccines, x.vaccine.Code) {
		x.warn(NotBooster, r.ID, map[string]any{"Vaccine": x.vaccine.Name})
	}
}

// interval finds the rule for the dose of a rank after a dose of a vaccine.
func (x *assessing) interval(disease string, before *carnet.Vaccine, rank int, first, on carnet.Date) *IntervalRule {
	for _, r := range x.intervals[disease] {
		if (r.Dose == 0 || r.Dose == rank) && r.on(on) && r.of(disease, before.Code) && r.Ages.fits(x.born, first) && x.sex(&r.Rule) {
			return r
		}
	}
	return nil
}

// booster finds the rule that wants a dose after the primary course, on a day.
func (x *assessing) booster(l line, on carnet.Date) *BoosterRule {
	start := x.vaccine
	if len(l.before) > 0 {
		start = l.before[0].vaccine
	}
	for _, r := range x.boosters[l.Disease] {
		if r.on(on) && r.Ages.fits(x.born, on) && x.sex(&r.Rule) && (len(r.After) == 0 || slices.Contains(r.After, start.Code)) {
			return r
		}
	}
	return nil
}

// infectionAfter is the last proven infection between a day and the day of the assessment.
func (x *assessing) infectionAfter(disease string, day carnet.Date) (carnet.Date, bool) {
	var last carnet.Date
	for _, i := range x.person.Infections {
		if i.Disease == disease && i.Evidence != carnet.Stated && i.Date.After(day) && !i.Date.After(x.on) && (last.IsZero() || i.Date.After(last)) {
			last = i.Date
		}
	}
	return last, !last.IsZero()
}

// afterInfection warns of a dose too soon after an infection, whatever its proof.
func (x *assessing) afterInfection(l line) {
	for _, r := range x.infects[l.Disease] {
		if !r.on(x.on) || !r.of(l.Disease, x.vaccine.Code) {
			continue
		}
		var last carnet.Date
		for _, i := range x.person.Infections {
			if i.Disease == l.Disease && !i.Date.After(x.on) && (last.IsZero() || i.Date.After(last)) {
				last = i.Date
			}
		}
		if days := x.on.Days() - last.Days(); !last.IsZero() && days < r.Least.days(last) {
			x.warn(Infected, r.ID, map[string]any{"Days": days, "Least": r.Least.days(last), "Disease": x.diseases[l.Disease]})
		}
		return
	}
}

// notCounted tells of doses that the record holds and the rank leaves out.
func (x *assessing) notCounted(history []carnet.Dose) {
	stated, unknown, unborn := 0, 0, 0
	for _, d := range history {
		v := x.find(d.Vaccine)
		switch {
		case !d.Given():
		case v == nil:
			unknown++
		case !slices.Contains(v.Diseases, x.vaccine.Diseases[0]):
		case x.born.known() && d.Date.Before(x.born.first):
			unborn++
		case d.Evidence == carnet.Stated:
			stated++
		}
	}
	for _, w := range []struct {
		code WarningCode
		n    int
	}{{StatedDose, stated}, {Unknown, unknown}, {BeforeBirth, unborn}} {
		if w.n > 0 {
			x.warn(w.code, "", map[string]any{"Doses": w.n})
		}
	}
}

// productWarnings compares the product with the day, the person and the other vaccines given.
func (x *assessing) productWarnings() {
	v := x.vaccine
	if !inUse(v, x.on) {
		args := map[string]any{"Vaccine": v.Name, "Date": v.From}
		if !v.Until.IsZero() && x.on.After(v.Until) {
			args["Date"] = v.Until
		}
		x.warn(NotUsed, "", args)
	}
	x.ageWarnings()
	for _, d := range x.past {
		if d.date == x.on && d.vaccine.Diseases[0] != v.Diseases[0] && slices.ContainsFunc(v.Diseases, d.against) && !d.against(v.Diseases[0]) {
			x.warn(SameDay, "", map[string]any{"Vaccine": d.vaccine.Name})
			break
		}
	}
	for _, r := range x.aparts {
		if !v.Live || !r.on(x.on) || !r.about(v) || oneOf(v.Routes, r.Except) {
			continue
		}
		for _, d := range x.past {
			days := x.on.Days() - d.date.Days()
			if days < 0 {
				days = -days
			}
			if least := r.Least.days(d.date); d.vaccine.Live && days > 0 && days < least && !oneOf(d.vaccine.Routes, r.Except) && !d.against(v.Diseases[0]) {
				x.warn(LiveInterval, r.ID, map[string]any{"Days": days, "Least": least, "Vaccine": d.vaccine.Name})
			}
		}
		return
	}
}

func oneOf(list, of []string) bool {
	return len(list) > 0 && slices.Contains(of, list[0])
}

// ageWarnings compares the age with the ages at which the product is given. Of a birth date that is
// partly known, what is certain only is said.
func (x *assessing) ageWarnings() {
	if !x.born.known() {
		return
	}
	var young, old *LimitRule
	wrongSex := false
	for _, r := range x.limits[x.vaccine.Code] {
		switch {
		case !r.on(x.on):
		case !x.sex(&r.Rule):
			wrongSex = true
		case r.Ages.younger(x.born.first, x.on):
			if young == nil || r.Ages.Least.days(x.on) < young.Ages.Least.days(x.on) {
				young = r
			}
		case r.Ages.older(x.born.last, x.on):
			if old == nil || r.Ages.Most.days(x.on) > old.Ages.Most.days(x.on) {
				old = r
			}
		default:
			x.rule(r.ID)
			return
		}
	}
	switch {
	case young != nil:
		x.warn(TooYoung, young.ID, map[string]any{"Age": young.Ages.Least, "Vaccine": x.vaccine.Name})
	case old != nil:
		x.warn(TooOld, old.ID, map[string]any{"Age": old.Ages.Most, "Vaccine": x.vaccine.Name})
	case wrongSex:
		x.warn(WrongSex, "", map[string]any{"Vaccine": x.vaccine.Name})
	}
}

// offer fills what a form offers and asks.
func (x *assessing) offer() {
	v := x.vaccine
	for _, r := range x.eligibles {
		if r.on(x.on) && r.about(v) && r.Ages.fits(x.born, x.on) && x.sex(&r.Rule) {
			x.out.Eligible = append(x.out.Eligible, r.choice)
		}
	}
	for _, r := range x.questions {
		if r.on(x.on) && r.about(v) && (!r.Live || v.Live) && (r.Route == "" || slices.Contains(v.Routes, r.Route)) && r.Ages.fits(x.born, x.on) && (r.Sex == "" || x.person.Sex == "" || x.sex(&r.Rule)) {
			x.out.Questions = append(x.out.Questions, r.question)
		}
	}
	x.out.Consent = Consent{By: carnet.ConsentsBy}
	for _, r := range x.consents {
		if r.on(x.on) && r.about(v) && r.Ages.fits(x.born, x.on) {
			x.out.Consent = Consent{By: r.By, Parents: r.Parents, Rule: r.ID}
			break
		}
	}
	x.out.Routes = v.Routes
	if oneOf(v.Routes, []string{"PO", "NAS"}) {
		return // nowhere on the body
	}
	x.out.Sites = carnet.BodySites
	for _, r := range x.bodies {
		if r.on(x.on) && r.about(v) && r.Ages.fits(x.born, x.on) && (len(r.Routes) == 0 || oneOf(v.Routes, r.Routes)) {
			x.out.Sites = r.Sites
			break
		}
	}
}

// next says when the dose after this one is due, as the rules stand on the day.
func (x *assessing) next(l line) {
	if l.Rank < l.Expected && l.primary() {
		if r := x.interval(l.Disease, x.vaccine, l.Rank+1, l.first(x.on), x.on); r != nil {
			x.out.Next = Next{Earliest: r.Least.After(x.on), Recommended: cmp.Or(r.Best, r.Least).After(x.on), Rule: r.ID}
			if !r.Most.IsZero() {
				x.out.Next.Overdue = r.Most.After(x.on).AddDays(1)
			}
		}
		return
	}
	if l.course != nil && l.course.SeasonFrom != "" {
		began := l.course.seasonOf(x.on)
		began.Year++
		x.out.Next = Next{Earliest: began, Recommended: began, Rule: l.course.ID}
		return
	}
	with := l
	with.before = append(slices.Clip(l.before), past{x.on, x.vaccine})
	r := x.booster(with, x.on)
	if r == nil {
		return
	}
	n := Next{Earliest: r.Least.After(x.on), Recommended: cmp.Or(r.Best, r.Least).After(x.on), Rule: r.ID, Booster: true}
	if !r.Most.IsZero() {
		n.Overdue = r.Most.After(x.on).AddDays(1)
	}
	if due, ok := r.birthday(x.born, n.Earliest); ok {
		n.Recommended = due
	}
	x.out.Next = n
}

// birthday is the first of the ages of the rule that comes on a day or after it.
func (r *BoosterRule) birthday(b born, from carnet.Date) (carnet.Date, bool) {
	if !b.known() || len(r.At) == 0 {
		return carnet.Date{}, false
	}
	due := b.first
	for _, at := range r.At {
		if due = at.After(b.first); !due.Before(from) {
			return due, true
		}
	}
	if r.Every.IsZero() {
		return carnet.Date{}, false
	}
	for due.Before(from) {
		due = r.Every.After(due)
	}
	return due, true
}
