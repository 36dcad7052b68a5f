//! The pallet's state of block 0.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod genesis {
    /// What a preset decides.
    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// Hyperparameters of new subnets.
        pub new_subnet: SubnetDefaults,
        /// Whether 127.0.0.1 may be announced.
        pub allow_loopback: bool,
        /// Blocks between two new subnets.
        pub network_rate_limit: u64,
        /// Blocks between a subnet's registration and its start.
        pub start_call_delay: u64,
        #[serde(skip)]
        pub _config: core::marker::PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            NewSubnet::<T>::put(&self.new_subnet);
            AllowLoopback::<T>::put(self.allow_loopback);
            NetworkRateLimit::<T>::put(self.network_rate_limit);
            StartCallDelay::<T>::put(self.start_call_delay);
            Pallet::<T>::create_root();
            Pallet::<T>::create_first_subnet();
        }
    }
}
