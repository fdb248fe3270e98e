"""What both kinds of pipeline do while fitting: adapt steps, split inner folds by subject, carry weights."""
