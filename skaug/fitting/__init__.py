"""What both doors do while fitting: adapt steps, split inner folds by subject, carry weights along."""
