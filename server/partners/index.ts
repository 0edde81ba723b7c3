/** The door of the third parties: banks and vaults that the programme asks, none of which it depends on. */
export { AccountRechecks, type RecheckCounts } from './account-rechecks.ts';
export { type CardCharges, HttpCardCharges, NO_CHARGES, VERIFICATION_CENTS } from './card-charges.ts';
export { type CardVault, encryptedOnly, HttpCardVault, OwnCardVault } from './card-vault.ts';
export { withCheckedIbans } from './checked-ibans.ts';
export { HttpIbanChecker, type IbanChecker } from './iban-checker.ts';
export {
  type Bank,
  type FoundMethod,
  HttpMethodSearch,
  type MethodSearch,
  NO_SEARCH,
  type SearchKind,
} from './method-search.ts';
export { Partner, PartnerFault, type PartnerOptions } from './partner.ts';
export { PartnerSimulator } from './simulator/simulator.ts';
