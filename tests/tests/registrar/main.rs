//! The registrar over the sandbox, on simulated time: what runs is what the registry holds, whatever
//! happens to the cluster, the store, the events and the registrars themselves.

mod adopted;
mod lead;
mod many_endpoints;
mod outages;
mod readers;
mod restarts;
mod sampling;
mod troubled;
mod truth;
mod world;
