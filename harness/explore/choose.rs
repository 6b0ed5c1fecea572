//! Which states are booted, and in which order: each model gets its share, and whenever the time is over, those that
//! were booted lie evenly. Pure.

use super::states::{State, States};
use crate::disk::Model;

/// The states to boot, in order, at most `bound` of them. A state that several models leave counts for all of them; what
/// one model does not need goes to the others.
pub fn choose(all: &States, models: &[Model], bound: usize) -> Vec<usize> {
    let mut queues: Vec<_> = models.iter().map(|&model| spread(&of_model(all, model)).into_iter()).collect();
    let mut taken = vec![false; all.states.len()];
    let mut chosen = Vec::new();
    loop {
        let before = chosen.len();
        for queue in &mut queues {
            if chosen.len() == bound {
                return chosen;
            }
            if let Some(state) = queue.find(|&state| !taken[state]) {
                taken[state] = true;
                chosen.push(state);
            }
        }
        if chosen.len() == before {
            return chosen;
        }
    }
}

/// The numbers of the states that a model leaves.
pub fn of_model(all: &States, model: Model) -> Vec<usize> {
    let leaves = |state: &State| state.moments.iter().any(|moments| moments.model == model);
    (0..all.states.len()).filter(|&at| leaves(&all.states[at])).collect()
}

/// The last first, then the first, then always the middles of what is left between those that came before.
fn spread(of: &[usize]) -> Vec<usize> {
    let Some(last) = of.len().checked_sub(1) else { return Vec::new() };
    let width = usize::BITS - last.leading_zeros();
    let reversed =
        |number: usize| if width == 0 { 0 } else { number.reverse_bits() >> (usize::BITS - width) };
    let numbers = std::iter::once(last).chain((0..1_usize << width).map(reversed).filter(|&at| at < last));
    numbers.map(|at| of[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::states::Moments;

    fn states(of: &[&[Model]]) -> States {
        let moments = |model: &Model| Moments { model: *model, cuts: vec![(0, 0)] };
        let state = |models: &&[Model]| State { digest: 0, moments: models.iter().map(moments).collect() };
        States { states: of.iter().map(state).collect(), ..States::default() }
    }

    #[test]
    fn every_front_of_the_order_lies_evenly_and_the_whole_is_complete() {
        let all: Vec<usize> = (0..100).collect();
        let order = spread(&all);
        assert_eq!(order[..4], [99, 0, 64, 32]);
        let mut front = order[..17].to_vec();
        front.sort_unstable();
        let gaps: Vec<_> = front.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| *gap <= 8), "{front:?}");
        let mut whole = order.clone();
        whole.sort_unstable();
        assert_eq!(whole, all);
        assert_eq!((spread(&[7]), spread(&[])), (vec![7], vec![]));
    }

    #[test]
    fn a_model_with_few_states_is_not_starved_by_one_with_many() {
        let mut of: Vec<&[Model]> = vec![&[Model::PosixRandom]; 900];
        of.extend(vec![&[Model::FsyncOnly] as &[Model]; 90]);
        of.extend(vec![&[Model::ProcessKill] as &[Model]; 10]);
        let all = states(&of);
        let models = [Model::FsyncOnly, Model::PosixRandom, Model::ProcessKill];
        let chosen = choose(&all, &models, 90);
        let count = |range: std::ops::Range<usize>| chosen.iter().filter(|at| range.contains(at)).count();
        assert_eq!(
            (count(0..900), count(900..990), count(990..1000)),
            (40, 40, 10),
            "what one needs not, others get"
        );
        assert_eq!(choose(&all, &models, 5_000).len(), 1_000, "each once");
    }

    #[test]
    fn a_state_of_several_models_is_booted_once() {
        let all = states(&[&[Model::FsyncOnly, Model::ProcessKill], &[Model::FsyncOnly]]);
        let mut chosen = choose(&all, &[Model::FsyncOnly, Model::ProcessKill], 9);
        chosen.sort_unstable();
        assert_eq!(chosen, [0, 1]);
    }
}
