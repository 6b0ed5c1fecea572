//! What a server owes when it is told to end: it ends, and exit code 0 means that all is safe.

use super::{Allow, Circumstances, table};
use crate::oracle::Loss;

/// That a server had to be killed because it would not end, as a sentence; `None` where it ended or may refuse to.
///
/// It may while the very first AOF is being written and when its snapshot failed (source), and where the fault itself
/// stands in its way.
pub fn would_not_end(facts: &Circumstances) -> Option<String> {
    let excused = facts.excuse.is_some() || facts.first_rewrite_pending || facts.save_failed;
    (facts.outlived && !excused).then(|| "the server was told to end, did not, and was killed".into())
}

/// Whether the server reported a clean end although writes are gone that its policy keeps in a clean end. What was done
/// to its files or its settings afterwards is not its word.
pub fn false_success(facts: &Circumstances, loss: &Loss) -> bool {
    let untouched = facts.damage.is_none() && !facts.data_dropped && !facts.switched;
    let gone = loss.lost + loss.lost_baseline > 0;
    facts.clean_exit && untouched && gone && table::row(facts).allow == Allow::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Damage, Death};

    fn facts() -> Circumstances {
        let config = [("appendonly", "yes"), ("appendfsync", "everysec"), ("save", "")];
        Circumstances {
            death: Death::Term,
            clean_exit: true,
            config: config.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            ..Circumstances::default()
        }
    }

    #[test]
    fn a_server_that_would_not_end_is_told_from_one_that_may_refuse() {
        let outlived = Circumstances { outlived: true, ..facts() };
        assert!(would_not_end(&outlived).is_some());
        assert_eq!(would_not_end(&facts()), None, "it ended");
        for excused in [
            Circumstances { excuse: Some("an endless script runs"), ..outlived.clone() },
            Circumstances { first_rewrite_pending: true, ..outlived.clone() },
            Circumstances { save_failed: true, ..outlived },
        ] {
            assert_eq!(would_not_end(&excused), None, "{excused:?}");
        }
    }

    #[test]
    fn exit_code_0_is_a_lie_only_where_the_policy_keeps_everything_and_nobody_meddled() {
        let lost = Loss { lost: 1, ..Loss::default() };
        assert!(false_success(&facts(), &lost));
        assert!(!false_success(&facts(), &Loss::default()), "nothing is lost");
        let mut none = facts();
        none.config.insert("appendonly".into(), "no".into());
        for silent in [
            Circumstances { clean_exit: false, ..facts() },
            Circumstances { switched: true, ..facts() },
            Circumstances { data_dropped: true, ..facts() },
            Circumstances { damage: Some(Damage::Elsewhere), ..facts() },
            none,
        ] {
            assert!(!false_success(&silent, &lost), "{silent:?}");
        }
    }
}
