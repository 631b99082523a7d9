"""What `scorp doctor` looks at: small functions, one answer each. What they raise becomes a finding as well."""
