//! Cycles in a directed graph.

/// Where a walk is with a node.
#[derive(Clone, Copy)]
enum Seen {
    Never,
    /// On the way, at this position.
    OnTheWay(usize),
    Done,
}

/// Walks through the graph, in which `edges[node]` are the nodes that a node leads to, and tells of
/// each cycle that it closes: its nodes, of which the last leads back to the first, and by which of
/// its edges.
///
/// No cycle is told of twice, and without the edges that are told there is none. These need not be
/// all the cycles there are, which can be more than anybody could read.
pub(super) fn each_cycle(edges: &[Vec<usize>], mut tell: impl FnMut(&[usize], usize)) {
    let mut seen = vec![Seen::Never; edges.len()];
    for start in 0..edges.len() {
        if !matches!(seen[start], Seen::Never) {
            continue;
        }
        // The way here, and beside each node how many of its edges were taken. No recursion: a
        // chain may be longer than the stack is deep.
        let mut way = vec![start];
        let mut taken = vec![0];
        seen[start] = Seen::OnTheWay(0);
        while let (Some(&node), Some(edge)) = (way.last(), taken.last_mut()) {
            let Some(&next) = edges[node].get(*edge) else {
                seen[node] = Seen::Done;
                way.pop();
                taken.pop();
                continue;
            };
            let number = *edge;
            *edge += 1;
            match seen[next] {
                Seen::Never => {
                    seen[next] = Seen::OnTheWay(way.len());
                    way.push(next);
                    taken.push(0);
                }
                Seen::OnTheWay(position) => tell(&way[position..], number),
                Seen::Done => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    fn told(edges: &[Vec<usize>]) -> Vec<(Vec<usize>, usize)> {
        let mut told = Vec::new();
        each_cycle(edges, |cycle, edge| told.push((cycle.to_vec(), edge)));
        told
    }

    /// Whether nodes can be taken away one by one, each when it leads nowhere any more.
    fn is_acyclic(edges: &[BTreeSet<usize>]) -> bool {
        let mut left: BTreeSet<usize> = (0..edges.len()).collect();
        while let Some(&end) = left.iter().find(|node| edges[**node].is_disjoint(&left)) {
            left.remove(&end);
        }
        left.is_empty()
    }

    #[test]
    fn small_graphs() {
        assert_eq!(told(&[]), []);
        assert_eq!(told(&[vec![1], vec![]]), []);
        assert_eq!(told(&[vec![1], vec![0]]), [(vec![0, 1], 0)]);
        // Two ways to one node are no cycle.
        assert_eq!(told(&[vec![1, 2], vec![2], vec![]]), []);
        let two = [vec![3, 1], vec![2], vec![1, 0], vec![]];
        assert_eq!(told(&two), [(vec![1, 2], 0), (vec![0, 1, 2], 1)]);
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let length = 200_000;
        let ring: Vec<_> = (0..length).map(|node| vec![(node + 1) % length]).collect();
        let cycles = told(&ring);
        assert_eq!(cycles.len(), 1);
        assert_eq!(cycles[0].0.len(), length);
    }

    proptest! {
        #[test]
        fn without_the_edges_that_are_told_there_is_no_cycle(
            graph in vec(btree_set(0..7_usize, 0..5), 7)
        ) {
            let edges: Vec<Vec<_>> = graph.iter().map(|to| to.iter().copied().collect()).collect();
            let told = told(&edges);
            prop_assert_eq!(told.is_empty(), is_acyclic(&graph));

            let mut without = graph.clone();
            let mut different = BTreeSet::new();
            for (cycle, edge) in told {
                for pair in cycle.windows(2) {
                    prop_assert!(graph[pair[0]].contains(&pair[1]));
                }
                let last = *cycle.last().unwrap();
                prop_assert_eq!(edges[last][edge], cycle[0]);
                without[last].remove(&cycle[0]);

                let mut from_least = cycle;
                let least = (0..from_least.len()).min_by_key(|&at| from_least[at]).unwrap();
                from_least.rotate_left(least);
                prop_assert!(different.insert(from_least), "told twice");
            }
            prop_assert!(is_acyclic(&without));
        }
    }
}
