using ModelFs.Commands;

return await CommandLine.RunAsync(args);
