//! neuron-common
