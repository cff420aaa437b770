using System.CommandLine;
using System.CommandLine.Parsing;
using ModelFs.Vfs.Names;

namespace ModelFs.Commands;

/// <summary>What is wrong with a command line, in words that name the part at fault. The library blames what it stumbles over, often a part that is right.</summary>
internal static class Complaint
{
    /// <summary>One line, or null where the command line is right.</summary>
    public static string? About(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        if (StrayOption(parsed) is { } stray)
            return $"{Name(parsed.CommandResult)} has no option '{stray}'{Nearest(stray.Split('=')[0], Options(command))}; see {Name(parsed.CommandResult)} --help, and write -- before a path that begins with a dash";
        if (parsed.Errors.Count == 0)
            return null;
        if (command.Subcommands.Count > 0)
        {
            var known = command.Subcommands.Where(c => !c.Hidden).Select(c => c.Name).ToList();
            var fault = parsed.UnmatchedTokens is [var wanted, ..]
                ? $"there is no verb '{wanted}'{Nearest(wanted, known)}"
                : $"{Name(parsed.CommandResult)} needs a verb";
            return $"{fault}; see {Name(parsed.CommandResult)} --help";
        }

        if (parsed.CommandResult.Children.OfType<ArgumentResult>().FirstOrDefault(a => a.Tokens.Count < a.Argument.Arity.MinimumNumberOfValues) is { Argument: { } missing })
            return $"{Name(parsed.CommandResult)} needs a {missing.Name}; see {Name(parsed.CommandResult)} --help";
        return $"{parsed.Errors[0].Message.TrimEnd('.')}; see {Name(parsed.CommandResult)} --help";
    }

    /// <summary>What looks like an option, is none of this verb's, and was therefore taken for a path.</summary>
    private static string? StrayOption(ParseResult parsed) =>
        parsed.Tokens.Any(t => t.Type == TokenType.DoubleDash)
            ? null
            : parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(a => a.Tokens.Select(t => t.Value))
                .Concat(parsed.UnmatchedTokens)
                .FirstOrDefault(t => t.Length > 1 && t[0] == '-');

    /// <summary>Long ones: of one letter each is near each.</summary>
    private static IReadOnlyList<string> Options(Command command) => [.. command.Options.Where(o => !o.Hidden && o.Name.StartsWith("--", StringComparison.Ordinal)).Select(o => o.Name)];

    /// <summary>Two letters off is a slip; more is another word.</summary>
    private static string Nearest(string wanted, IReadOnlyList<string> known) =>
        known.MinBy(name => NearestNames.Distance(wanted, name)) is { } nearest && NearestNames.Distance(wanted, nearest) <= 2 ? $", do you mean {nearest}" : "";

    private static string Name(CommandResult result) =>
        result.Parent is CommandResult parent ? $"{Name(parent)} {result.Command.Name}" : "modelfs";
}
