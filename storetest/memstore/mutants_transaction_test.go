package memstore_test

var transactionMutants = []mutant{
	broken("a commit stores nothing",
		"Update/CommitsWhenNil InTx/CommitsEveryDomain",
		"scope.go", "s.state.Store(tx.state)", "_ = tx.state"),
	broken("a failed transaction is stored",
		`Update/RollsBackOnErrorWhichIsItsOwn Update/NestedIsUndoneWithTheOutermost InTx/RollsBackEveryDomain
		AppendAudit/RolledBackIsNotStored EnqueueMail/RolledBackIsNeverSent SpendSignUp/UnspentIfRolledBack
		SpendReset/UnspentIfRolledBack ConfirmEmailChange/UnspentIfRolledBack InsertReset/RolledBackVoidsNothing
		BumpFailures/RolledBackIsNotCounted RevokeSessions/RolledBackEndsNone Update/CancelledInsideAnswersTruly`,
		"scope.go", "fn); err != nil {\n\t\treturn err\n\t}\n\ts.state.Store", "fn); err != nil {\n\t\ts.state.Store(tx.state)\n\t\treturn err\n\t}\n\ts.state.Store"),
	broken("an error is replaced",
		"Update/RollsBackOnErrorWhichIsItsOwn",
		"scope.go", "sc); err != nil {\n\t\treturn err\n\t}\n\treturn ctx.Err()", "sc); err != nil {\n\t\treturn ErrScopeEnded\n\t}\n\treturn ctx.Err()"),
	broken("a panic is swallowed",
		"Update/RollsBackOnPanicAndPanicsOn",
		"scope.go", "defer func() { <-s.writers }()", "defer func() { _ = recover(); <-s.writers }()"),
	broken("what a panic left is stored",
		"Update/RollsBackOnPanicAndPanicsOn",
		"scope.go", "defer func() { <-s.writers }()", "defer func() { s.state.Store(tx.state); <-s.writers }()"),
	broken("a panic keeps the lock",
		"Update/RollsBackOnPanicAndPanicsOn",
		"scope.go", "defer func() { <-s.writers }()", "defer func() { if v := recover(); v != nil { panic(v) }; <-s.writers }()"),
	broken("the values of the context are lost",
		"Update/KeepsContextValues",
		"scope.go", "context.WithValue(ctx, scopeKey{s}, sc)", "context.WithValue(context.Background(), scopeKey{s}, sc)"),
	broken("the store reads beside the transaction of its context",
		"Update/SeesItsOwnWrites Update/FinishedScopeRefuses",
		"scope.go", "if sc := s.scope(ctx); sc != nil {\n\t\treturn sc.view(ctx)", "if sc := s.scope(ctx); sc != nil {\n\t\treturn s.state.Load(), nil"),
	broken("others read what is not committed",
		"Accounts/Update/HidesWhatIsNotCommitted Security/Update/HidesWhatIsNotCommitted",
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
	broken("others read what a joined transaction has not committed",
		"Store/Update/HidesWhatIsNotCommitted",
		"scope.go", "joined = true", "joined = true\n\ts.state.Store(tx.state)"),
	broken("a refusal by a link of accounts ends the transaction",
		"Accounts/Update/RefusalLeavesItUsable",
		"signup.go", "tx.SignUpByHash(ctx, hash, now)\n", "tx.SignUpByHash(ctx, hash, now)\n\tif err != nil {\n\t\ttx.AfterCommit(func(context.Context) { panic(err) })\n\t}\n"),
	broken("a refusal by a link of accounts ends the enclosing transaction",
		"Store/Update/RefusalLeavesItUsable",
		"signup.go", "tx.SignUpByHash(ctx, hash, now)\n", "tx.SignUpByHash(ctx, hash, now)\n\tif err != nil {\n\t\ttx.AfterCommit(func(context.Context) { panic(err) })\n\t}\n"),
	broken("a refusal by a link of security ends the transaction",
		"Security/Update/RefusalLeavesItUsable",
		"reset.go", "tx.ResetByHash(ctx, hash, now)\n", "tx.ResetByHash(ctx, hash, now)\n\tif err != nil {\n\t\ttx.AfterCommit(func(context.Context) { panic(err) })\n\t}\n"),
	broken("a joined transaction commits alone",
		"Update/NestedIsUndoneWithTheOutermost",
		"scope.go", "joined = true", "joined = true\n\ts.state.Store(tx.state)"),
	broken("a joined transaction is always undone",
		"Update/NestedLastsWithTheOutermost",
		"scope.go", "joined = true", "joined = false"),
	broken("a failed inner transaction is kept",
		`Update/InnerFailureIsUndoneAlone Update/InnerPanicIsUndoneAlone AppendAudit/UndoneWithItsInnerUpdate
		Crossing/AccountsJoinsInSecurity Crossing/SecurityJoinsInAccounts`,
		"scope.go", "if !joined {", "if !joined && hooks < 0 {"),
	broken("cancelling is ignored",
		"Update/CancelledContextStartsNothing ClaimMail/CancelledContextIsAnError",
		"scope.go", "if outer := s.scope(ctx); outer != nil {", "ctx = context.WithoutCancel(ctx)\n\tif outer := s.scope(ctx); outer != nil {"),
	broken("a cancelled transaction is committed and reported as failed",
		"Update/CancelledInsideAnswersTruly",
		"scope.go", "\treturn ctx.Err()\n}", "\treturn nil\n}",
		"scope.go", "\tfor _, hook := range tx.hooks {", "\tif err := ctx.Err(); err != nil {\n\t\treturn err\n\t}\n\tfor _, hook := range tx.hooks {"),
	broken("a finished scope goes on",
		"Update/FinishedScopeRefuses Update/FinishedInnerScopeRefuses",
		"scope.go", "defer sc.ended.Store(true)", ""),
	broken("hooks run backwards",
		"AfterCommit/RunsInOrderOnceCommitted",
		"scope.go", "for _, hook := range tx.hooks {", "for i := range tx.hooks {\n\t\thook := tx.hooks[len(tx.hooks)-1-i]"),
	broken("hooks run before the commit",
		"AfterCommit/RunsInOrderOnceCommitted",
		"scope.go", "\ts.state.Store(tx.state)", "\tfor _, hook := range tx.hooks {\n\t\thook(ctx)\n\t}\n\ttx.hooks = nil\n\ts.state.Store(tx.state)"),
	broken("hooks of an inner transaction run at its end",
		"AfterCommit/OfInnerWaitsForTheOutermost Crossing/InTxJoinsInAccounts Crossing/InTxJoinsInSecurity",
		"scope.go", "joined = true", "joined = true\n\tfor _, hook := range tx.hooks[hooks:] {\n\t\thook(ctx)\n\t}\n\ttx.hooks = tx.hooks[:hooks]"),
	broken("hooks run although undone",
		"AfterCommit/NeverWhenUndone",
		"scope.go", "if err := s.commit(ctx, tx, fn); err != nil {\n\t\treturn err\n\t}", "err := s.commit(ctx, tx, fn)",
		"scope.go", "hook(ctx)\n\t}\n\treturn nil", "hook(ctx)\n\t}\n\treturn err"),
	broken("hooks of an undone inner transaction run",
		"AfterCommit/NeverWhenInnerIsUndone",
		"scope.go", "before, tx.hooks[:hooks]", "before, tx.hooks[:max(hooks, len(tx.hooks))]"),
	broken("hooks get the context of the transaction",
		"AfterCommit/IsOutsideOfTheTransaction",
		"scope.go", "\t\thook(ctx)\n", "\t\thook(context.WithValue(ctx, scopeKey{s}, &scope{tx: tx}))\n"),
	broken("security does not join",
		"Crossing/SecurityJoinsInAccounts Crossing/SecurityJoinsInInTx",
		"memstore.go", "return c.s.update(ctx,", "return c.s.update(context.WithValue(ctx, scopeKey{c.s}, nil),"),
	broken("accounts do not join",
		"Crossing/AccountsJoinsInSecurity Crossing/AccountsJoinsInInTx",
		"memstore.go", "return a.s.update(ctx,", "return a.s.update(context.WithValue(ctx, scopeKey{a.s}, nil),"),
	broken("InTx does not join",
		"Crossing/InTxJoinsInAccounts Crossing/InTxJoinsInSecurity",
		"memstore.go", "return s.update(ctx,", "return s.update(context.WithValue(ctx, scopeKey{s}, nil),"),
	broken("no transaction is recognised",
		"InTransaction/TellsByTheContext",
		"memstore.go", "return c.s.scope(ctx) != nil", "return false"),
	broken("an open store is not ready",
		"Ready/NilOnceOpened",
		"memstore.go", "return ctx.Err()", "return ErrScopeEnded"),
	// Each of the callers that start together reads before any other commits, as
	// at READ COMMITTED without locks: of all they write, the last one lasts.
	broken("transactions overwrite each other",
		`InsertUser/OneWinnerOf16ForAnAddress ChangeEmail/OneWinnerOf16ForAnAddress LockUser/LosesNoChangeOf16
		SpendSignUp/OneWinnerOf16 ConfirmEmailChange/OneWinnerOf16 UndoEmailChange/OneWinnerOf16
		UndoEmailChange/RacesConfirmEmailChange LockPerson/LosesNoChangeOf16 UpgradePassword/OneWinnerOf16
		TouchSession/OneWriterOf16 RevokeSession/OneWinnerOf16 TrimSessions/EachOf16KeepsTheLimit
		SpendReset/OneWinnerOf16 BumpFailures/CountsEachOf16 ClaimMail/EachLetterToOneOf16`,
		"memstore.go", "newStore(1)", "newStore(64)",
		"scope.go", `"sync/atomic"`, "\"sync/atomic\"\n\t\"time\"",
		"scope.go", "tx.state = s.state.Load().clone()", "tx.state = s.state.Load().clone()\n\ttime.Sleep(20 * time.Millisecond)"),

	// A store that cannot undo a joined transaction alone, but does not commit
	// what it has spoilt, is honest if it says so.
	broken("without savepoints nothing is committed after a failure", "",
		"scope.go", "tx.state, tx.hooks = before, tx.hooks[:hooks]", "tx.state, tx.hooks = &state{}, tx.hooks[:hooks]",
		"scope.go", "\ts.state.Store(tx.state)", "\tif tx.state.users == nil {\n\t\treturn ErrScopeEnded\n\t}\n\ts.state.Store(tx.state)",
	).withoutSavepoints(),
	broken("without savepoints a failure is committed",
		"Update/InnerFailureIsUndoneAlone Update/InnerPanicIsUndoneAlone",
		"scope.go", "if !joined {", "if !joined && hooks < 0 {",
	).withoutSavepoints(),
}
