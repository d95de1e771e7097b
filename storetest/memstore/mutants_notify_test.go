package memstore_test

var notifyMutants = []mutant{
	broken("the mails do not join",
		"Crossing/NotifyJoinsInAccounts Crossing/NotifyJoinsInSecurity Crossing/NotifyJoinsInOrgs Crossing/NotifyJoinsInAudit Crossing/NotifyJoinsInInTx",
		"notify.go", "return n.s.update(ctx,", "return n.s.update(context.WithValue(ctx, scopeKey{n.s}, nil),"),
	broken("others do not join the mails",
		"Crossing/AccountsJoinsInNotify Crossing/SecurityJoinsInNotify Crossing/OrgsJoinsInNotify Crossing/AuditJoinsInNotify Crossing/InTxJoinsInNotify",
		"notify.go", "return fn(ctx, notifyTx{notifyReader{sc.view}, sc})", "return fn(context.WithValue(ctx, scopeKey{n.s}, nil), notifyTx{notifyReader{sc.view}, sc})"),
	broken("others read which mails are being chosen",
		"Notify/Update/HidesWhatIsNotCommitted",
		"scope.go", "tx.state = s.state.Load().clone()", `before := s.state.Load()
	tx.state = before.clone()
	s.state.Store(tx.state)
	inner := fn
	fn = func(ctx context.Context, sc *scope) error {
		err := inner(ctx, sc)
		if err != nil {
			s.state.Store(before)
		}
		return err
	}`),
	broken("a refusal by the mails ends the transaction",
		"Notify/Update/RefusalLeavesItUsable",
		"notify.go", "if _, err := tx.Person(ctx, user); err != nil {\n", "if _, err := tx.Person(ctx, user); err != nil {\n\t\ttx.AfterCommit(func(context.Context) { panic(err) })\n"),
	broken("a field of a person is lost",
		"Person/EveryFieldIsReadAsWritten",
		"notify.go", "Timezone: u.Timezone, ", ""),
	broken("nobody is a person",
		"Person/UnknownIsErrPersonNotFound SetChoice/UnknownIsErrPersonNotFound",
		"notify.go", "if !ok {", "if !ok && false {"),
	broken("everything is chosen",
		"SetChoice/IsReadAsChosen SetChoice/TakesThePlaceOfTheFormer",
		"notify.go", "all[c.category] = enabled", "all[c.category] = enabled || true"),
	broken("one chooses for all",
		"SetChoice/OfThePersonAlone",
		"notify.go", "tx.tx.state.choices[choice{user, c}] = enabled", "for user := range tx.tx.state.users {\n\t\ttx.tx.state.choices[choice{user, c}] = enabled\n\t}"),
	broken("every notice is the first",
		"NoteOnce/OnceForEachNotice",
		"notice.go", "if _, ok := st.notices[n]; ok {", "if _, ok := st.notices[n]; ok && limitless {",
		"notice.go", "st, err := tx.scope.view(ctx)\n\tif err != nil {\n\t\treturn false, err", "const limitless = false\n\tst, err := tx.scope.view(ctx)\n\tif err != nil {\n\t\treturn false, err"),
	broken("a notice that was undone is the first no more",
		"NoteOnce/RolledBackIsNotNoted",
		"scope.go", "fn); err != nil {\n\t\treturn err\n\t}\n\ts.state.Store", "fn); err != nil {\n\t\ts.state.Store(tx.state)\n\t\treturn err\n\t}\n\ts.state.Store"),
	broken("notices of that moment are removed",
		"PurgeNotices/RemovesWhatWasNotedBefore",
		"notice.go", "return at.Before(before)", "return !at.After(before)"),
	broken("purging notices knows no limit",
		"PurgeNotices/AtMostTheLimit",
		"notice.go", "left := limit", "left := limit + 100"),
	broken("choices and notices overwrite each other",
		"LockPerson/LosesNoChoiceOf16 NoteOnce/OneFirstOf16",
		"memstore.go", "newStore(1)", "newStore(64)",
		"scope.go", `"sync/atomic"`, "\"sync/atomic\"\n\t\"time\"",
		"scope.go", "tx.state = s.state.Load().clone()", "tx.state = s.state.Load().clone()\n\ttime.Sleep(20 * time.Millisecond)"),
	broken("who is forgotten takes others along",
		"ForgetPerson/ForgetsThePersonsAlone",
		"notify.go", "bool) bool { return c.user == user })", "bool) bool { return c.user != (id.User{}) })"),
}
