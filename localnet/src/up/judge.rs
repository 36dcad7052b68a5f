//! The verdict over a whole run: did every honest miner earn, did every cheat earn nothing, was each caught for what it did?

use std::collections::{BTreeMap, BTreeSet};

use incentive::units::Uid;
use incentive::verdict::Fault;

use super::cast::{Cheat, Fate, Field, Role};
use super::chat::Line;

/// How much more than the best honest miner a group that shares one solver may be worth before it counts as two.
///
/// In percent. One thread of the scheduler's time is one miner; what is above 100 is noise between processes of one machine.
const AS_ONE_PERCENT: u128 = 150;

/// What one neuron got out of the counted epochs.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name in the table.
    pub name: String,
    /// Its place.
    pub uid: Uid,
    /// What it did.
    pub role: Role,
    /// Alpha per counted epoch, in rao.
    pub emissions: Vec<u64>,
    /// Its reputation in compute with the first validator.
    pub score: u64,
    /// The same of its answers.
    pub answers: u64,
    /// For each validator the stable codes of the faults that it found in its compute in the counted epochs.
    pub compute: Vec<Vec<String>>,
    /// The same of its answers.
    pub inference: Vec<Vec<String>>,
}

impl Account {
    fn faults(&self, field: Field) -> &[Vec<String>] {
        match field {
            Field::Compute => &self.compute,
            Field::Inference => &self.inference,
        }
    }

    fn earned(&self) -> u128 {
        self.emissions.iter().map(|emission| u128::from(*emission)).sum()
    }
}

/// One line of the verdict.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Whether it is as it should be.
    pub ok: bool,
    /// Whom it concerns.
    pub name: String,
    /// What was found, in words.
    pub text: String,
}

/// Judges all neurons. The run is as it should be when every finding is.
#[must_use]
pub fn judge(accounts: &[Account], chats: &[Line]) -> Vec<Finding> {
    let best = accounts.iter().filter(|a| a.role == Role::Miner).map(|a| u128::from(a.score)).max().unwrap_or(0);
    let mut groups: BTreeMap<Cheat, u128> = BTreeMap::new();
    let mut findings = Vec::new();
    for account in accounts {
        let (ok, text) = match account.role {
            Role::Owner => continue,
            Role::Validator => earns(account, "dividends"),
            Role::Miner => honest(account),
            Role::Cheat(cheat) => match cheat.fate() {
                Fate::Earns => earns(account, "incentive"),
                Fate::Caught(faults) => caught(account, cheat.field(), faults),
                Fate::EarnsAsOne => {
                    // Honest miners answer as well, so what is compared is the compute alone.
                    *groups.entry(cheat).or_default() += u128::from(account.score);
                    continue;
                }
            },
        };
        findings.push(Finding { ok, name: account.name.clone(), text });
    }
    for (cheat, score) in groups {
        let ok = score * 100 <= best * AS_ONE_PERCENT;
        let percent = (score * 100).checked_div(best).unwrap_or(0);
        let text = format!("its hotkeys together computed {percent} % of the best honest miner");
        findings.push(Finding { ok, name: cheat.name().to_owned(), text });
    }
    findings.extend(chats.iter().map(|line| {
        Finding {
            ok: line.problem.is_none() && line.answers > 0,
            name: line.name.clone(),
            text: line
                .problem
                .clone()
                .unwrap_or_else(|| format!("answered {} questions with {} tokens", line.answers, line.tokens)),
        }
    }));
    findings
}

fn earns(account: &Account, what: &str) -> (bool, String) {
    let empty = account.emissions.iter().filter(|emission| **emission == 0).count();
    let of = account.emissions.len();
    match empty {
        _ if of == 0 => (false, "no epoch was counted".to_owned()),
        0 => (true, format!("{what} in all {of} epochs")),
        _ => (false, format!("no {what} in {empty} of {of} epochs")),
    }
}

fn honest(account: &Account) -> (bool, String) {
    let (ok, text) = earns(account, "incentive");
    match account.compute.iter().chain(&account.inference).flatten().next() {
        Some(fault) => (false, format!("{text}, but a validator found {fault}")),
        None if account.score == 0 || account.answers == 0 => {
            (false, format!("{text}, but not for both kinds of work"))
        }
        None => (ok, text),
    }
}

fn caught(account: &Account, field: Field, deserved: &[Fault]) -> (bool, String) {
    let codes = || deserved.iter().map(|fault| fault.code()).collect::<Vec<_>>().join(" or ");
    if account.earned() > 0 {
        return (false, format!("earned {} rao and should have earned nothing", account.earned()));
    }
    let faults = account.faults(field);
    if faults.is_empty() {
        return (false, "no validator looked at it".to_owned());
    }
    for faults in faults {
        if faults.is_empty() {
            return (false, format!("a validator never caught it; it deserves {}", codes()));
        }
        if let Some(other) = faults.iter().find(|found| deserved.iter().all(|fault| fault.code() != *found)) {
            return (false, format!("caught with {other}, deserves {}", codes()));
        }
    }
    let found: BTreeSet<&str> = faults.iter().flatten().map(String::as_str).collect();
    (true, format!("earned nothing, caught with {}", found.into_iter().collect::<Vec<_>>().join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worth 10 in either field, with these faults in the one in which it may cheat.
    fn account(role: Role, emissions: &[u64], faults: &[&[&str]]) -> Account {
        let faults = faults.iter().map(|codes| codes.iter().map(|code| (*code).to_owned()).collect()).collect();
        let (compute, inference) = match role {
            Role::Cheat(cheat) if cheat.field() == Field::Inference => (Vec::new(), faults),
            _ => (faults, Vec::new()),
        };
        let name = role.name().to_owned();
        Account { name, uid: Uid(1), role, emissions: emissions.to_vec(), score: 10, answers: 10, compute, inference }
    }

    fn worth(score: u64, account: Account) -> Account {
        Account { score, ..account }
    }

    fn ok(accounts: &[Account]) -> bool {
        judge(accounts, &[]).iter().all(|finding| finding.ok)
    }

    #[test]
    fn a_miner_that_does_not_talk_is_found() {
        let line = |answers, problem: Option<&str>| Line {
            name: "miner-1".to_owned(),
            address: ([127, 0, 0, 1], 1).into(),
            answers,
            tokens: 16 * answers,
            tokens_per_second: 1.0,
            problem: problem.map(str::to_owned),
        };
        for (line, ok) in [(line(1, None), true), (line(0, None), false), (line(3, Some("no answer")), false)] {
            assert_eq!(judge(&[], &[line])[0].ok, ok);
        }
    }

    #[test]
    fn a_run_as_it_should_be() {
        assert!(ok(&[
            account(Role::Validator, &[5, 5], &[]),
            account(Role::Miner, &[10, 10], &[&[], &[]]),
            account(Role::Cheat(Cheat::Partial), &[0, 0], &[&["wrong_row"], &["wrong_row", "wrong_row"]]),
            account(Role::Cheat(Cheat::Cached), &[0, 0], &[&["wrong_tokens"], &["wrong_tokens"]]),
            worth(6, account(Role::Cheat(Cheat::Shared), &[5, 6], &[])),
            worth(4, account(Role::Cheat(Cheat::Shared), &[5, 4], &[])),
        ]));
    }

    #[test]
    fn each_way_to_go_wrong_is_found() {
        let honest = || account(Role::Miner, &[10, 10], &[&[]]);
        assert!(!ok(&[account(Role::Miner, &[10, 0], &[&[]])]), "an epoch without pay");
        assert!(!ok(&[account(Role::Miner, &[], &[&[]])]), "no epoch at all");
        assert!(!ok(&[account(Role::Miner, &[10, 10], &[&["wrong_row"]])]), "an honest miner accused");
        assert!(!ok(&[account(Role::Validator, &[0, 0], &[])]), "a validator without dividends");
        assert!(!ok(&[Account { answers: 0, ..honest() }]), "an honest miner whose answers are worth nothing");
        assert!(!ok(&[Account { inference: vec![vec!["late".to_owned()]], ..honest() }]), "an answer accused");
        let cached = Role::Cheat(Cheat::Cached);
        let elsewhere = Account { compute: vec![vec!["wrong_tokens".to_owned()]], ..account(cached, &[0], &[&[]]) };
        assert!(!ok(&[elsewhere]), "caught in the other field");
        let slow = Role::Cheat(Cheat::Slow);
        assert!(!ok(&[account(slow, &[0, 1], &[&["no_root"]])]), "a cheat that earned");
        assert!(!ok(&[account(slow, &[0, 0], &[&["no_root"], &[]])]), "a cheat that one validator missed");
        assert!(!ok(&[account(slow, &[0, 0], &[&["unreachable"]])]), "the wrong fault");
        assert!(!ok(&[account(slow, &[0, 0], &[])]), "nobody looked");
        let shared = Role::Cheat(Cheat::Shared);
        assert!(!ok(&[honest(), account(shared, &[10, 10], &[]), account(shared, &[10, 10], &[])]), "earned as two");
    }
}
