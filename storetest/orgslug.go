package storetest

import (
	"context"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

func orgSlugTests() []check {
	return []check{
		{"ChangeSlug/ChangesItAndFormerLeadsThere", changeSlug},
		{"ChangeSlug/FormerIsKeptFromOthersUntilReserve", slugReserved},
		{"ChangeSlug/FormerCanBeTakenBack", slugTakenBack},
		{"ChangeSlug/GoneToAnotherLeadsThere", slugGone},
		{"ChangeSlug/ErrSlugTakenIfSomebodys", changeSlugTaken},
		{"ChangeSlug/TheSameChangesNothing", changeSlugSame},
		{"ChangeSlug/UnknownIsErrOrgNotFound", changeSlugUnknown},
		{"ChangeSlug/OneWinnerOf16", changeSlugRace},
		{"ChangeSlug/OneOf16IsThePresentOne", changeSlugOfOneRace},
	}
}

func (w *world) changeSlug(org id.Org, slug string, now, reserve time.Time) error {
	return w.locked(org, func(ctx context.Context, tx orgs.Tx) error { return tx.ChangeSlug(ctx, org, slug, now, reserve) })
}

func changeSlug(w *world) {
	o, ada := w.founded("acme")
	other, _ := w.founded("others")
	w.must(w.changeSlug(o.ID, "apex", base.Add(day), base.Add(91*day)))
	o.Slug, o.UpdatedAt = "apex", base.Add(day)
	for _, ref := range []string{"apex", "acme", o.ID.String()} {
		w.views(ada.ID, ref, o, orgs.Owner)
	}
	w.must(w.changeSlug(o.ID, "zenith", base.Add(2*day), base.Add(92*day)))
	o.Slug, o.UpdatedAt = "zenith", base.Add(2*day)
	for _, ref := range []string{"apex", "acme", "zenith"} {
		w.views(ada.ID, ref, o, orgs.Owner)
	}
	w.same("another Org", w.org(other.ID), other)
}

func slugReserved(w *world) {
	o, _ := w.founded("acme")
	reserve := base.Add(90 * day)
	w.must(w.changeSlug(o.ID, "apex", base, reserve))
	eve, other := w.user("eve"), newOrg("others", w.user("grace").ID)
	w.must(w.insertOrg(other))
	last := newOrg("acme", eve.ID)
	last.CreatedAt = reserve.Add(-tick)
	w.refused("InsertOrg", w.insertOrg(last), orgs.ErrSlugTaken)
	w.refused("ChangeSlug", w.changeSlug(other.ID, "acme", reserve.Add(-tick), reserve), orgs.ErrSlugTaken)
	last.CreatedAt = reserve
	w.must(w.insertOrg(last))
}

func slugTakenBack(w *world) {
	o, ada := w.founded("acme")
	w.must(w.changeSlug(o.ID, "apex", base, base.Add(90*day)))
	w.must(w.changeSlug(o.ID, "acme", base.Add(day), base.Add(91*day)))
	o.UpdatedAt = base.Add(day)
	w.views(ada.ID, "acme", o, orgs.Owner)
	w.views(ada.ID, "apex", o, orgs.Owner)
	again := newOrg("acme", w.user("eve").ID)
	again.CreatedAt = base.Add(10000 * day)
	w.refused("InsertOrg with a slug taken back", w.insertOrg(again), orgs.ErrSlugTaken)
}

func slugGone(w *world) {
	o, ada := w.founded("acme")
	other, grace := w.founded("others")
	reserve := base.Add(90 * day)
	w.must(w.changeSlug(o.ID, "apex", base, reserve))
	w.views(ada.ID, "acme", w.org(o.ID), orgs.Owner)
	w.must(w.changeSlug(other.ID, "acme", reserve, reserve.Add(90*day)))
	w.views(grace.ID, "acme", w.org(other.ID), orgs.Owner)
	w.hidden(ada.ID, "acme")
	w.refused("ChangeSlug", w.changeSlug(o.ID, "acme", reserve.Add(10000*day), reserve.Add(10001*day)), orgs.ErrSlugTaken)
	w.views(ada.ID, "apex", w.org(o.ID), orgs.Owner)
}

func changeSlugTaken(w *world) {
	o, ada := w.founded("acme")
	other, _ := w.founded("others")
	w.must(w.locked(o.ID, func(ctx context.Context, tx orgs.Tx) error {
		w.refused("ChangeSlug", tx.ChangeSlug(ctx, o.ID, "others", base.Add(10000*day), base.Add(10001*day)), orgs.ErrSlugTaken)
		return nil // a refusal has written nothing
	}))
	w.views(ada.ID, "acme", o, orgs.Owner)
	w.same("another Org", w.org(other.ID), other)
}

func changeSlugSame(w *world) {
	o, ada := w.founded("acme")
	w.must(w.changeSlug(o.ID, "acme", base.Add(day), base.Add(2*day)))
	w.views(ada.ID, "acme", o, orgs.Owner)
	again := newOrg("acme", w.user("eve").ID)
	again.CreatedAt = base.Add(10000 * day)
	w.refused("InsertOrg", w.insertOrg(again), orgs.ErrSlugTaken)
}

func changeSlugUnknown(w *world) {
	eve := w.user("eve")
	w.orgs(func(ctx context.Context, tx orgs.Tx) error {
		w.refused("ChangeSlug", tx.ChangeSlug(ctx, id.NewOrg(), "acme", base, base.Add(day)), orgs.ErrOrgNotFound)
		return tx.InsertOrg(ctx, newOrg("acme", eve.ID))
	})
}

// changeSlugRace has 16 organizations take one slug.
func changeSlugRace(w *world) {
	ada := w.user("ada")
	var all [racers]orgs.Org
	for i := range all {
		all[i] = newOrg("acme-"+strconv.Itoa(i), ada.ID)
		w.must(w.insertOrg(all[i]))
	}
	for round := range w.opts.rounds() {
		slug := "apex-" + strconv.Itoa(round)
		winner := w.oneWinner(w.race(func(i int) error {
			return w.changeSlug(all[i].ID, slug, base, base.Add(day))
		}), orgs.ErrSlugTaken)
		w.views(ada.ID, slug, w.org(all[winner].ID), orgs.Owner)
	}
}

// changeSlugOfOneRace has one organization take 16 slugs: all but the last are
// former ones, and lead there.
func changeSlugOfOneRace(w *world) {
	o, ada := w.founded("acme")
	reserve := base.Add(day)
	slug := func(i int) string { return "apex-" + strconv.Itoa(i) }
	for _, err := range w.race(func(i int) error { return w.changeSlug(o.ID, slug(i), base, reserve) }) {
		w.must(err)
	}
	o = w.org(o.ID)
	eve := w.user("eve")
	free := 0
	for i := range racers {
		w.views(ada.ID, slug(i), o, orgs.Owner)
		again := newOrg(slug(i), eve.ID)
		again.CreatedAt = reserve
		if w.insertOrg(again) == nil {
			free++
		}
	}
	if free != racers-1 {
		w.Errorf("%d slugs of %d are former ones, want all but one", free, racers)
	}
}
